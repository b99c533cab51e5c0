/** The activity in the hash tag of a stream's key: `…{a:123}:stream`. */
export function activityOf(stream: string): string {
  const activityId = /\{a:(\d+)\}/.exec(stream)?.[1];
  if (!activityId) throw new Error(`not the stream of an activity: ${stream}`);
  return activityId;
}
