'use strict';

/**
 * A function's own lines, without those of the functions inside it. ESLint's own rule counts them all, and so fails every factory that returns
 * a handful of short functions; what makes a function long to read is what it does itself.
 */
module.exports = {
  meta: {
    type: 'suggestion',
    schema: [{ type: 'integer', minimum: 1 }],
    messages: { tooLong: 'this function has {{lines}} lines of its own, {{max}} are allowed' },
  },
  create(context) {
    const [max = 60] = context.options;
    const nested = [];
    const enter = () => nested.push(0);
    const leave = (node) => {
      const all = node.loc.end.line - node.loc.start.line + 1;
      const lines = all - nested.pop();
      if (nested.length > 0) nested[nested.length - 1] += all;
      if (lines > max) context.report({ node, messageId: 'tooLong', data: { lines, max } });
    };
    return {
      FunctionDeclaration: enter,
      FunctionExpression: enter,
      ArrowFunctionExpression: enter,
      'FunctionDeclaration:exit': leave,
      'FunctionExpression:exit': leave,
      'ArrowFunctionExpression:exit': leave,
    };
  },
};
