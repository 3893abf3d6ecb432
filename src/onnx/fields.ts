/**
 * Numbers of the fields that the serializer writes, and codes of attribute types. They are the ONNX standard's and can't
 * change; a test holds them against the generated schema, which is not imported because loading it costs more than
 * writing a small model.
 */

/** Field numbers by message. */
export const FIELDS = {
  ModelProto: {
    irVersion: 1,
    producerName: 2,
    producerVersion: 3,
    graph: 7,
    opsetImport: 8,
    metadataProps: 14,
    functions: 25,
  },
  FunctionProto: {
    name: 1,
    input: 4,
    output: 5,
    attribute: 6,
    node: 7,
    opsetImport: 9,
    domain: 10,
    valueInfo: 12,
    metadataProps: 14,
  },
  OperatorSetIdProto: { domain: 1, version: 2 },
  StringStringEntryProto: { key: 1, value: 2 },
  GraphProto: {
    node: 1,
    name: 2,
    initializer: 5,
    input: 11,
    output: 12,
    valueInfo: 13,
    metadataProps: 16,
  },
  NodeProto: { input: 1, output: 2, name: 3, opType: 4, attribute: 5, domain: 7, metadataProps: 9 },
  AttributeProto: {
    name: 1,
    f: 2,
    i: 3,
    s: 4,
    t: 5,
    g: 6,
    floats: 7,
    ints: 8,
    strings: 9,
    type: 20,
    refAttrName: 21,
  },
  TensorProto: {
    dims: 1,
    dataType: 2,
    name: 8,
    rawData: 9,
    externalData: 13,
    dataLocation: 14,
  },
  ValueInfoProto: { name: 1, type: 2, metadataProps: 4 },
  TypeProto: { tensorType: 1 },
  TypeProto_Tensor: { elemType: 1, shape: 2 },
  TensorShapeProto: { dim: 1 },
  TensorShapeProto_Dimension: { dimValue: 1, dimParam: 2 },
} as const;

/** `AttributeProto.AttributeType`. */
export const ATTRIBUTE_TYPES = {
  FLOAT: 1,
  INT: 2,
  STRING: 3,
  TENSOR: 4,
  GRAPH: 5,
  FLOATS: 6,
  INTS: 7,
  STRINGS: 8,
} as const;

/** `TensorProto.DataLocation.EXTERNAL`. */
export const DATA_LOCATION_EXTERNAL = 1;
