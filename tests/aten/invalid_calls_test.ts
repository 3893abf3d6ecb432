/**
 * Calls that PyTorch refuses whatever the tensors hold (`tests/tools/invalid_calls.py`): they are refused while a program is
 * captured, by the table of dtypes or the meta rule, with an error of the caller's.
 */
import { assert } from "@std/assert";
import { complete } from "../../src/aten/bind.ts";
import { MetaInterpreter } from "../../src/aten/calls.ts";
import * as forms from "../../src/aten/complex_forms.ts";
import { checkDTypes } from "../../src/aten/dtypes.ts";
import { loadOps } from "./harness.ts";
import { fillIn, metaOf, type Row, tensorSpecs } from "./row_format.ts";

interface InvalidCall extends Row {
  /** What was changed: a size, the rank or the dtype of a tensor, or a number. */
  readonly what: string;
}

const calls = JSON.parse(
  await Deno.readTextFile(new URL("../fixtures/invalid_calls.json", import.meta.url)),
) as InvalidCall[];

/** Operators that take what PyTorch refuses, by what was changed, and why. */
const TAKEN: Readonly<Record<string, string>> = {
  "aten::native_dropout dtype": "integers are taken where nothing is dropped",
  "aten::einsum dtype": "products of elements promote, which sums of products don't",
  "aten::inner dtype": "products with a number promote",
  "aten::fft_fftshift rank": "a number is its own only element",
  "aten::fft_ifftshift rank": "a number is its own only element",
  "aten::poisson_nll_loss dtype": "complex targets are taken with other settings",
};

/** What the runtime says where nothing was checked. */
const ACCIDENT = /undefined|is not a |is not iterable|Cannot read properties|Cannot mix|Invalid array/;

/** The error of a call; null where there is none. */
function errorOf(find: (row: Row) => Parameters<MetaInterpreter["apply"]>[0], call: InvalidCall): Error | null {
  const op = find(call);
  const metas = new MetaInterpreter(undefined, forms);
  const { args, kwargs } = fillIn(call, tensorSpecs(call).map(metaOf), () => null);
  try {
    checkDTypes(op.name, complete(op, (x) => metas.isTensor(x), args, kwargs));
    metas.apply(op, metas.bind(op, args, kwargs));
    return null;
  } catch (error) {
    return error as Error;
  }
}

Deno.test("calls that PyTorch refuses are refused", async () => {
  const find = await loadOps(calls);
  const taken: string[] = [], accidents: string[] = [];
  for (const call of calls) {
    const error = errorOf(find, call);
    if (error === null) {
      const kwargs = call.kwargs ? ` ${JSON.stringify(call.kwargs)}` : "";
      taken.push(`${call.op} ${call.what}: ${JSON.stringify(call.args)}${kwargs}`);
      continue;
    }
    const isOurs = [TypeError, RangeError, SyntaxError].some((kind) => error instanceof kind);
    if (!isOurs || ACCIDENT.test(error.message)) accidents.push(`${call.op} ${call.what}: ${error.message}`);
  }
  assert(accidents.length === 0, `Errors that don't tell what must hold:\n${accidents.join("\n")}`);
  const unlisted = taken.filter((text) => !(text.slice(0, text.indexOf(":", text.indexOf(" "))) in TAKEN));
  assert(unlisted.length === 0, `${unlisted.length} of ${calls.length} are taken:\n${unlisted.join("\n")}`);
  assert(taken.length >= Object.keys(TAKEN).length, "What is refused now must not be listed as taken");
});
