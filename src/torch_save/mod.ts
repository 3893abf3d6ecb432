/** `torch.save` files without Python: sample inputs and the weights of older archives. */
export { readTorchSave, type TorchSaveOptions } from "./read.ts";
export {
  Opaque,
  PyComplex,
  TorchDevice,
  TorchDType,
  TorchStorage,
  TorchTensor,
  type TorchTensorFields,
  type TorchValue,
} from "./values.ts";
export { scalarTypeDType } from "./dtypes.ts";
export { Global, PyDict, PyFloat, PyList, PySet, PyTuple } from "../io/pickle_values.ts";
