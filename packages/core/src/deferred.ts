/** A promise with the means to settle it. */
export type Deferred<T> = Readonly<PromiseWithResolvers<T>>;

export function deferred<T>(): Deferred<T> {
  const settled = Promise.withResolvers<T>();
  // A waiting caller sees the rejection; one that nobody waits for any more must not end the process.
  settled.promise.catch(() => {});
  return settled;
}
