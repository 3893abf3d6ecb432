/** Overloads with a Python number, and other names: rules that hand on to the operator on tensors. */
import type { Scalar } from "../fx/mod.ts";
import type { Meta } from "../tensor/mod.ts";
import type { Calls, Op, Promotion } from "./op.ts";
import { like } from "./rules.ts";

/** Both operands come to their result type. */
export const both: Promotion = { args: ["self", "other"], to: "default" };

/** Both operands come to their result type; integers become floats. */
export const bothToFloat: Promotion = { args: ["self", "other"], to: "float" };

/** A number as a 0-d tensor of the dtype of `self`. */
export function scalarLike<T>(t: Calls<T>, self: T, value: Scalar): T {
  return t.full([], value, t.meta(self).dtype);
}

/** Meta rule of an overload with a number: the promoted `self`. */
export function promotedSelf(_: unknown, { self }: { readonly self: Meta }): Meta {
  return like(self);
}

/** A call of an operator of two tensors whose schema the type checker doesn't see. */
function callBinary<T extends object, S extends string>(t: Calls<T>, op: Op<S>, self: T, other: T): T {
  return (t.call as (op: Op<S>, ...args: unknown[]) => T).call(t, op, self, other);
}

/** The rules that `withScalar`, `ofScalar` and `alias` give. */
export interface Forwarded<A, B> {
  readonly promote: Promotion;
  decompose<T extends object>(
    t: Calls<T>,
    args: { readonly self: A extends null ? T : A; readonly other: B extends null ? T : B },
  ): T;
}

/** Rules of an overload whose second operand is a number. */
export function withScalar<S extends string>(op: Op<S>): Forwarded<null, Scalar> {
  return {
    promote: op.promote ?? both,
    decompose: (t, { self, other }) => callBinary(t, op, self, scalarLike(t, self, other)),
  };
}

/** Rules of an overload whose first operand is a number. */
export function ofScalar<S extends string>(op: Op<S>): Forwarded<Scalar, null> {
  return {
    promote: op.promote ?? both,
    decompose: (t, { self, other }) => callBinary(t, op, scalarLike(t, other, self), other),
  };
}

/** Rules of another name of an operator of two tensors. */
export function alias<S extends string>(op: Op<S>): Forwarded<null, null> {
  return {
    promote: op.promote ?? both,
    decompose: (t, { self, other }) => callBinary(t, op, self, other),
  };
}
