/** Reads pytree specifications. */
import { parseJson } from "../io/json.ts";
import type { ModuleCallEntry, TreeSpec } from "../fx/mod.ts";
import { Field, type FieldRoot, quote } from "./fields.ts";

/** The only protocol there is. */
const PROTOCOL = 1;
const MAX_DEPTH = 400;

/** A specification that an archive holds as text: `[1, {"type": …, "context": …, "children_spec": […]}]`. */
export function readTreeSpec(field: Field, root: FieldRoot): TreeSpec {
  const text = field.string();
  const json = field.guard(() => parseJson(text, { name: "a tree specification", maxDepth: MAX_DEPTH }));
  if (!Array.isArray(json) || json.length !== 2) return field.fail("expected a list of protocol and specification");
  if (json[0] !== PROTOCOL) {
    return field.fail(`tree specifications of protocol ${quote(String(json[0]))} are not supported`);
  }
  return readSpec(new Field(json[1], { file: root.file, entry: `a tree specification of ${root.entry}` }));
}

function readSpec(field: Field): TreeSpec {
  const type = field.find("type")?.string() ?? null;
  const children = field.get("children_spec").list().map(readSpec);
  if (type === null && children.length > 0) field.fail("a leaf has children");
  return { type, context: field.find("context")?.json ?? null, children };
}

/** The calling conventions of the program (first) and of its preserved modules. */
export function readModuleCallGraph(field: Field, root: FieldRoot): ModuleCallEntry[] {
  return field.list().map((entry) => {
    const signature = entry.find("signature");
    return {
      fqn: entry.get("fqn").string(),
      signature: signature && {
        inSpec: readTreeSpec(signature.get("in_spec"), root),
        outSpec: readTreeSpec(signature.get("out_spec"), root),
        forwardArgNames: signature.find("forward_arg_names")?.list().map((f) => f.string()) ?? null,
      },
    };
  });
}
