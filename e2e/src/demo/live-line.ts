/** One line that tells how far the sale is: rewritten in place on a terminal, a line every two seconds elsewhere. */
export function createLiveLine(
  text: () => string,
  output: NodeJS.WriteStream = process.stdout,
): { stop(): void } {
  const draw = () => (output.isTTY ? output.write(`\r\x1b[K${text()}`) : output.write(`${text()}\n`));
  const timer = setInterval(draw, output.isTTY ? 200 : 2_000);
  return {
    stop() {
      clearInterval(timer);
      if (output.isTTY) output.write('\r\x1b[K');
      output.write(`${text()}\n`);
    },
  };
}
