/**
 * Stands in for `jsr:@std/assert` where JSR cannot be reached: the same names over `node:assert/strict`. Only what this
 * package uses is here. Equality is Node's, which is the stricter one: it tells 0 from -0 inside arrays and objects.
 *
 * @module
 */
import strict, { AssertionError } from "node:assert/strict";

export { AssertionError };

// deno-lint-ignore no-explicit-any
type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

function show(value: unknown): string {
  return typeof value === "bigint" ? `${value}n` : typeof value === "string" ? JSON.stringify(value) : String(value);
}

function check(condition: boolean, message: string, msg?: string): asserts condition {
  if (!condition) throw new AssertionError({ message: msg === undefined ? message : `${message}: ${msg}` });
}

/** Asserts that a value is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError({ message: msg });
}

/** Asserts that a value is falsy. */
export function assertFalse(expr: unknown, msg = ""): asserts expr is false {
  if (expr) throw new AssertionError({ message: msg });
}

/** Asserts deep equality. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  // The two zeros are equal, as in the original; inside an array or object they are not.
  if (actual === expected) return;
  try {
    strict.deepStrictEqual(actual, expected);
  } catch (error) {
    if (error instanceof AssertionError && msg !== undefined) error.message = `${msg}: ${error.message}`;
    throw error;
  }
}

/** Asserts that two values are not deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  strict.notDeepStrictEqual(actual, expected, msg);
}

/** Asserts that two values are the same by `Object.is`. */
export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T {
  strict.strictEqual(actual, expected, msg);
}

/** Asserts that two values are not the same by `Object.is`. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  strict.notStrictEqual(actual, expected, msg);
}

/** Asserts that two numbers differ by at most `tolerance`, by default a 1e-7th of the expected one. */
export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, msg?: string): void {
  if (Object.is(actual, expected)) return;
  const bound = tolerance ?? (isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  const delta = Math.abs(expected - actual);
  check(delta <= bound, `Expected ${actual} to be close to ${expected}: they differ by ${delta}, over ${bound}`, msg);
}

/** Asserts that a value is neither null nor undefined. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  check(actual !== undefined && actual !== null, `Expected ${actual} to not be null or undefined`, msg);
}

/** Asserts that a value is an instance of a class. */
export function assertInstanceOf<
  // deno-lint-ignore no-explicit-any
  T extends abstract new (...args: any[]) => any,
>(actual: unknown, expectedType: T, msg?: string): asserts actual is InstanceType<T> {
  check(actual instanceof expectedType, `Expected ${show(actual)} to be an instance of ${expectedType.name}`, msg);
}

/** Asserts `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  check(actual > expected, `Expected ${show(actual)} > ${show(expected)}`, msg);
}

/** Asserts `actual >= expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  check(actual >= expected, `Expected ${show(actual)} >= ${show(expected)}`, msg);
}

/** Asserts `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  check(actual < expected, `Expected ${show(actual)} < ${show(expected)}`, msg);
}

/** Asserts `actual <= expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  check(actual <= expected, `Expected ${show(actual)} <= ${show(expected)}`, msg);
}

/** Asserts that a text contains another. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  check(actual.includes(expected), `Expected ${show(actual)} to contain ${show(expected)}`, msg);
}

/** Asserts that a text matches a pattern. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  strict.match(actual, expected, msg);
}

/** Asserts that a text does not match a pattern. */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void {
  strict.doesNotMatch(actual, expected, msg);
}

/** Asserts that an array contains each of the expected items. */
export function assertArrayIncludes<T>(actual: ArrayLike<T>, expected: ArrayLike<T>, msg?: string): void {
  const missing = Array.from(expected).filter((item) => !Array.from(actual).some((other) => same(other, item)));
  check(missing.length === 0, `Expected the array to contain ${missing.map(show).join(", ")}`, msg);
}

/** Asserts that an object has at least the expected properties, recursively. */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  strict.partialDeepStrictEqual(actual, expected, msg);
}

/** Fails. */
export function fail(msg?: string): never {
  throw new AssertionError({ message: msg === undefined ? "Failed assertion." : `Failed assertion: ${msg}` });
}

/** Fails: for code that must not be reached. */
export function unreachable(reason?: string): never {
  throw new AssertionError({ message: reason === undefined ? "Unreachable." : `Unreachable: ${reason}` });
}

/** Asserts that a value is an error of a class whose message includes a text. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  errorClass?: ErrorClass<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  check(error instanceof Error, `Expected "error" to be an Error object, not ${show(error)}`, msg);
  if (errorClass !== undefined) {
    check(error instanceof errorClass, `Expected a ${errorClass.name}, not ${error.name}: ${error.message}`, msg);
  }
  if (msgMatches === undefined) return;
  const matches = typeof msgMatches === "string" ? error.message.includes(msgMatches) : msgMatches.test(error.message);
  check(matches, `Expected the message to include ${show(msgMatches)}, not ${show(error.message)}`, msg);
}

/** Asserts that a function throws; returns what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Asserts that a function throws an error of a class whose message includes a text; returns the error. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows<E extends Error>(
  fn: () => unknown,
  errorClassOrMsg?: ErrorClass<E> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const expected = typeof errorClassOrMsg === "string" ? undefined : errorClassOrMsg;
  let thrown: { error: unknown } | undefined;
  try {
    fn();
  } catch (error) {
    thrown = { error };
  }
  check(thrown !== undefined, "Expected function to throw", expected === undefined ? errorClassOrMsg as string : msg);
  if (expected !== undefined) assertIsError(thrown.error, expected, msgIncludes, msg);
  return thrown.error;
}

/** Asserts that a promise is rejected; resolves to the reason. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Asserts that a promise is rejected with an error of a class whose message includes a text; resolves to the error. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  errorClassOrMsg?: ErrorClass<E> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const expected = typeof errorClassOrMsg === "string" ? undefined : errorClassOrMsg;
  const suffix = expected === undefined ? errorClassOrMsg as string | undefined : msg;
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch {
    check(false, "Function throws when expected to reject", suffix);
  }
  check(typeof promise?.then === "function", "Function throws when expected to reject", suffix);
  let rejected: { error: unknown } | undefined;
  try {
    await promise;
  } catch (error) {
    rejected = { error };
  }
  check(rejected !== undefined, "Expected function to reject", suffix);
  if (expected !== undefined) assertIsError(rejected.error, expected, msgIncludes, msg);
  return rejected.error;
}

function same(a: unknown, b: unknown): boolean {
  try {
    assertEquals(a, b);
    return true;
  } catch {
    return false;
  }
}
