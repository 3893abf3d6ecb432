/**
 * ResNet-18, with the structure and the names of torchvision's, so that its checkpoints load by name:
 *
 * ```ts ignore
 * const model = resnet18();
 * model.loadStateDict(await torch.load("resnet18-f37072fd.pth"));
 * ```
 *
 * The default export is a narrow one on small images, with a dynamic batch.
 *
 * Source: https://docs.pytorch.org/vision/stable/models/resnet.html
 */
import { nn, type Tensor, torch } from "@fx2onnx/fx2onnx/torch";

/** Two convolutions and a shortcut. */
export class BasicBlock extends nn.Module {
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  relu = new nn.ReLU({ inplace: true });
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d;
  downsample: nn.Sequential | null;

  constructor(inplanes: number, planes: number, stride: number) {
    super();
    this.conv1 = new nn.Conv2d(inplanes, planes, 3, { stride, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(planes);
    this.conv2 = new nn.Conv2d(planes, planes, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(planes);
    this.downsample = stride === 1 && inplanes === planes ? null : new nn.Sequential(
      new nn.Conv2d(inplanes, planes, 1, { stride, bias: false }),
      new nn.BatchNorm2d(planes),
    );
  }

  forward(x: Tensor): Tensor {
    const identity = this.downsample ? this.downsample.call(x) : x;
    let out = this.relu.call(this.bn1.call(this.conv1.call(x)));
    out = this.bn2.call(this.conv2.call(out));
    out = out.add_(identity);
    return this.relu.call(out);
  }
}

/** What {@linkcode ResNet} is told. */
export interface ResNetOptions {
  /** Number of blocks in each of the four stages. */
  layers: readonly [number, number, number, number];
  /** Number of classes. Default: 1000. */
  numClasses?: number;
  /** Channels of the first stage. Default: 64. */
  width?: number;
}

/** Images [N, 3, H, W] to scores [N, numClasses]. */
export class ResNet extends nn.Module {
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  relu = new nn.ReLU({ inplace: true });
  maxpool = new nn.MaxPool2d(3, { stride: 2, padding: 1 });
  layer1: nn.Sequential;
  layer2: nn.Sequential;
  layer3: nn.Sequential;
  layer4: nn.Sequential;
  avgpool = new nn.AdaptiveAvgPool2d([1, 1]);
  fc: nn.Linear;

  constructor({ layers, numClasses = 1000, width = 64 }: ResNetOptions) {
    super();
    this.conv1 = new nn.Conv2d(3, width, 7, { stride: 2, padding: 3, bias: false });
    this.bn1 = new nn.BatchNorm2d(width);
    this.layer1 = stage(width, width, layers[0], 1);
    this.layer2 = stage(width, 2 * width, layers[1], 2);
    this.layer3 = stage(2 * width, 4 * width, layers[2], 2);
    this.layer4 = stage(4 * width, 8 * width, layers[3], 2);
    this.fc = new nn.Linear(8 * width, numClasses);
    for (const module of this.modules()) {
      if (module instanceof nn.Conv2d) {
        nn.init.kaimingNormal_(module.weight, { mode: "fan_out", nonlinearity: "relu" });
      }
    }
  }

  forward(x: Tensor): Tensor {
    x = this.conv1.call(x);
    x = this.bn1.call(x);
    x = this.relu.call(x);
    x = this.maxpool.call(x);

    x = this.layer1.call(x);
    x = this.layer2.call(x);
    x = this.layer3.call(x);
    x = this.layer4.call(x);

    x = this.avgpool.call(x);
    x = torch.flatten(x, 1);
    return this.fc.call(x);
  }
}

function stage(inplanes: number, planes: number, blocks: number, stride: number): nn.Sequential {
  const rest = Array.from({ length: blocks - 1 }, () => new BasicBlock(planes, planes, 1));
  return new nn.Sequential(new BasicBlock(inplanes, planes, stride), ...rest);
}

/** ResNet with 18 layers. */
export function resnet18(options: Omit<ResNetOptions, "layers"> = {}): ResNet {
  return new ResNet({ layers: [2, 2, 2, 2], ...options });
}

export default {
  model: resnet18({ width: 8, numClasses: 10 }).eval(),
  args: [torch.randn([2, 3, 32, 32])],
  dynamicShapes: [{ 0: "batch" }],
  inputNames: ["images"],
  outputNames: ["logits"],
};
