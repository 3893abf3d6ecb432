/** From schema version 2 (torch 2.2) to 5.1 (torch 2.3). */
import { type Json, JsonObject } from "../../io/json.ts";
import type { Field } from "../fields.ts";
import { edited, object, type Rule, type Step } from "./walk.ts";

/** Unions list all alternatives; those that are not meant are null. */
const oneAlternative: Rule = (field) => {
  const items: Json[] = [];
  for (const [key, { json }] of field.entries()) {
    if (json !== null) items.push(key, json);
  }
  return new JsonObject(items);
};

const argument: Rule = (field) => {
  if (field.find("as_custom_obj") !== null) {
    field.get("as_custom_obj").fail(
      "script objects of archives before torch 2.3 are not supported, as these don't say of which class they are; " +
        "export the model with torch 2.6 or newer",
    );
  }
  return oneAlternative(field);
};

/** Offsets of storages are plain integers. */
function tensorMeta(field: Field): Json {
  const offset = field.get("storage_offset");
  return edited(field, { storage_offset: object({ as_int: offset.size() }) });
}

export const from2: Step = {
  argument,
  symArgument: oneAlternative,
  optionalTensor: oneAlternative,
  inputSpec: oneAlternative,
  outputSpec: oneAlternative,
  symInt: oneAlternative,
  symBool: oneAlternative,
  hint: oneAlternative,
  tensorMeta,
  // All buffers are in the state dict.
  bufferSpec: (field) => edited(field, { persistent: true }),
};
