"""Every network once more, in PyTorch: written from its paper's layers, with nothing of npseg's but the names.

A module has the names of npseg's layers, so that it loads an exported file (``load_state_dict``, which is strict). How
it computes is its own: the sliding window classifies patches one by one, Pinheiro's networks run densely, with dilated
kernels, where npseg shifts and merges, and gradients are autograd's.
"""

from __future__ import annotations

from collections import OrderedDict

import torch

F, nn = torch.nn.functional, torch.nn

BLOCKS = ((2, 1), (2, 2), (3, 4), (3, 8), (3, 8))


def named(*layers):
    return nn.Sequential(OrderedDict(layers))


def cut(x, size, first=0):
    return x[:, :, first : first + size[0], first : first + size[1]]


def loss(module, x, labels, weight=None):
    """What a network learns from: the cross entropy of its scores; of each instance's scores, where it has more."""
    of_each = module.learned_from(x, labels) if isinstance(module, Recurrent) else [(module(x), labels)]
    return sum(F.cross_entropy(*pair, weight=weight, ignore_index=255) for pair in of_each)


class SlidingWindow(nn.Module):
    """The definition: the classifier on the patch around each pixel."""

    def __init__(self, classes, *, width):
        super().__init__()
        self.classifier = named(
            ("conv1", nn.Conv2d(3, width, 5)),
            ("relu1", nn.ReLU()),
            ("pool1", nn.MaxPool2d(2)),
            ("conv2", nn.Conv2d(width, 2 * width, 5)),
            ("relu2", nn.ReLU()),
            ("pool2", nn.MaxPool2d(2)),
            ("conv3", nn.Conv2d(2 * width, 4 * width, 5)),
            ("relu3", nn.ReLU()),
            ("score", nn.Conv2d(4 * width, classes, 1)),
        )

    def forward(self, x):
        patches = F.pad(x, (15, 16, 15, 16)).unfold(2, 32, 1).unfold(3, 32, 1).permute(0, 2, 3, 1, 4, 5)
        images, height, width = patches.shape[:3]
        scores = self.classifier(patches.reshape(-1, 3, 32, 32))
        return scores.reshape(images, height, width, -1).permute(0, 3, 1, 2)


def full_resolution(classes, *, width, depth=8, batch_norm=True):
    layers = []
    for number in range(1, depth):
        below = 3 if number == 1 else width
        layers.append((f"conv{number}", nn.Conv2d(below, width, 3, padding=1, bias=not batch_norm)))
        if batch_norm:
            layers.append((f"norm{number}", nn.BatchNorm2d(width)))
        layers.append((f"relu{number}", nn.ReLU()))
    return named(*layers, ("score", nn.Conv2d(width, classes, 3, padding=1)))


#: What the padded FCNs cut off: the paper's, and its authors' files'.
CROPS = {"32s": (19,), "16s": (5, 27), "8s": (5, 9, 31)}


class FCN(nn.Module):
    """FCN-32s, 16s and 8s."""

    def __init__(
        self,
        classes,
        *,
        head,
        width,
        fc,
        at_once=False,
        batch_norm=True,
        dropout=0.0,
        paper_padding=False,
        learned_upsampling=True,
    ):
        super().__init__()
        self.crops = CROPS[head] if paper_padding else (0,) * len(CROPS[head])
        self.scales = (0.01, 0.0001) if at_once else (1, 1)
        channels, blocks = 3, []

        def conv(name, below, above, kernel, padding):
            norm = [(f"{name}_norm", nn.BatchNorm2d(above))] if batch_norm else []
            layer = nn.Conv2d(below, above, kernel, padding=padding, bias=not batch_norm)
            return [(name, layer), *norm, (f"{name}_relu", nn.ReLU())]

        for number, (depth, multiple) in enumerate(BLOCKS, start=1):
            blocks.append([])
            for i in range(1, depth + 1):
                padding = 100 if paper_padding and number == i == 1 else 1
                blocks[-1] += conv(f"conv{number}_{i}", channels, width * multiple, 3, padding)
                channels = width * multiple
            blocks[-1].append((f"pool{number}", nn.MaxPool2d(2, ceil_mode=True)))
        blocks[-1] += [
            *conv("fc6", channels, fc, 7, 0 if paper_padding else 3),
            ("drop6", nn.Dropout(dropout)),
            *conv("fc7", fc, fc, 1, 0),
            ("drop7", nn.Dropout(dropout)),
            ("score_fr", nn.Conv2d(fc, classes, 1)),
        ]
        self.to_pool3, self.to_pool4 = named(*blocks[0], *blocks[1], *blocks[2]), named(*blocks[3])
        self.to_score = named(*blocks[4])

        def upsampling(factor):
            padding = 0 if paper_padding else factor // 2
            layer = nn.ConvTranspose2d(classes, classes, 2 * factor, factor, padding, bias=False)
            layer.weight.requires_grad_(learned_upsampling)
            return layer

        if head != "32s":
            self.upscore2, self.score_pool4 = upsampling(2), nn.Conv2d(8 * width, classes, 1)
        if head == "8s":
            self.upscore_pool4, self.score_pool3 = upsampling(2), nn.Conv2d(4 * width, classes, 1)
        self.upscore = upsampling(int(head[:-1]))

    def forward(self, x):
        pool3 = self.to_pool3(x)
        pool4 = self.to_pool4(pool3)
        scores = self.to_score(pool4)
        *crops, last = self.crops
        if crops:
            scores = self.add(self.upscore2(scores), self.score_pool4(self.scales[0] * pool4), crops[0])
        if len(crops) == 2:
            scores = self.add(self.upscore_pool4(scores), self.score_pool3(self.scales[1] * pool3), crops[1])
        return cut(self.upscore(scores), x.shape[2:], last)

    @staticmethod
    def add(scores, skip, first):
        skip = skip[:, :, first:, first:]
        size = [min(one, other) for one, other in zip(scores.shape[2:], skip.shape[2:])]
        return cut(scores, size) + cut(skip, size)


class UNet(nn.Module):
    def __init__(self, classes, *, width, batch_norm=True, dropout=0.0):
        super().__init__()

        def block(below, above, *after):
            layers = []
            for number, channels in ((1, below), (2, above)):
                layers.append(
                    (f"conv{number}", nn.Conv2d(channels, above, 3, padding=1, bias=not batch_norm))
                )
                layers += [(f"norm{number}", nn.BatchNorm2d(above))] * batch_norm
                layers.append((f"relu{number}", nn.ReLU()))
            return named(*layers, *after)

        for level in range(1, 6):
            above = width * 2 ** (level - 1)
            dropped = [("drop", nn.Dropout(dropout))] if level >= 4 else []
            self.add_module(f"down{level}", block(3 if level == 1 else above // 2, above, *dropped))
        for level in range(4, 0, -1):
            above = width * 2 ** (level - 1)
            self.add_module(f"upconv{level}", nn.ConvTranspose2d(2 * above, above, 2, 2))
            self.add_module(f"up{level}", block(2 * above, above))
        self.score = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        across = []
        for level in range(1, 6):
            x = self.get_submodule(f"down{level}")(x if level == 1 else F.max_pool2d(x, 2, ceil_mode=True))
            across.append(x)
        across.pop()
        for level in range(4, 0, -1):
            plane = across.pop()
            up = cut(self.get_submodule(f"upconv{level}")(x), plane.shape[2:])
            x = self.get_submodule(f"up{level}")(torch.cat([plane, up], dim=1))
        return self.score(x)


class EncoderDecoder(nn.Module):
    """Poolings that return indices, and unpoolings that use them, the last ones first."""

    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = named(*encoder), named(*decoder)

    def forward(self, x):
        switches = []
        for layer in self.encoder:
            if isinstance(layer, nn.MaxPool2d):
                size = x.shape
                x, indices = layer(x)
                switches.append((indices, size[2:]))
            else:
                x = layer(x)
        for layer in self.decoder:
            if isinstance(layer, nn.MaxUnpool2d):
                indices, size = switches.pop()
                x = layer(x, indices, output_size=size)
            else:
                x = layer(x)
        return x


def normalised(name, layer, channels, *, relu=True):
    return [(name, layer), (f"{name}_norm", nn.BatchNorm2d(channels)), *[(f"{name}_relu", nn.ReLU())] * relu]


def pool(number):
    return f"pool{number}", nn.MaxPool2d(2, ceil_mode=True, return_indices=True)


def vgg_encoder(width, bias):
    below = 3
    for number, (depth, multiple) in enumerate(BLOCKS, start=1):
        for i in range(1, depth + 1):
            conv = nn.Conv2d(below, width * multiple, 3, padding=1, bias=bias)
            yield from normalised(f"conv{number}_{i}", conv, width * multiple)
            below = width * multiple
        yield pool(number)


#: Channels after each convolution of the way up, block by block, as multiples of the width.
UP = {5: (8, 8, 8), 4: (8, 8, 4), 3: (4, 4, 2), 2: (2, 1), 1: (1, 1)}


class DeconvNet(EncoderDecoder):
    def __init__(self, classes, *, width, fc, input_size=224, bias=False):
        self.least, whole = input_size - 31, input_size // 32
        encoder = [
            *vgg_encoder(width, bias),
            *normalised("fc6", nn.Conv2d(8 * width, fc, whole, bias=bias), fc),
            *normalised("fc7", nn.Conv2d(fc, fc, 1, bias=bias), fc),
        ]
        below = 8 * width
        decoder = normalised("fc6_deconv", nn.ConvTranspose2d(fc, below, whole, bias=bias), below)
        for number, multiples in UP.items():
            decoder.append((f"unpool{number}", nn.MaxUnpool2d(2)))
            for i, multiple in enumerate(multiples, start=1):
                deconv = nn.ConvTranspose2d(below, width * multiple, 3, padding=1, bias=bias)
                below = width * multiple
                decoder += normalised(f"deconv{number}_{i}", deconv, below)
        super().__init__(encoder, [*decoder, ("seg_score", nn.Conv2d(width, classes, 1))])

    def forward(self, x):
        below, right = (max(0, self.least - n) for n in x.shape[2:])
        return cut(super().forward(F.pad(x, (0, right, 0, below))), x.shape[2:])


def segnet(classes, *, width, bias=False):
    decoder, below = [], 8 * width
    for number, multiples in UP.items():
        decoder.append((f"unpool{number}", nn.MaxUnpool2d(2)))
        for i, multiple in zip(range(len(multiples), 0, -1), multiples):
            name, above = f"conv{number}_{i}_D", width * multiple
            if name == "conv1_1_D":
                decoder.append((name, nn.Conv2d(below, classes, 3, padding=1)))
            else:
                decoder += normalised(name, nn.Conv2d(below, above, 3, padding=1, bias=bias), above)
            below = above
    return EncoderDecoder(vgg_encoder(width, bias), decoder)


def segnet_basic(classes, *, width, bias=False):
    encoder, decoder = [("norm", nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1))], []
    for number in range(1, 5):
        conv = nn.Conv2d(3 if number == 1 else width, width, 7, padding=3, bias=bias)
        encoder += [*normalised(f"conv{number}", conv, width), pool(number)]
    for number in range(4, 0, -1):
        conv = nn.Conv2d(width, width, 7, padding=3, bias=bias)
        decoder.append((f"unpool{number}", nn.MaxUnpool2d(2)))
        decoder += normalised(f"conv{number}_D", conv, width, relu=False)
    return EncoderDecoder(encoder, [*decoder, ("score", nn.Conv2d(width, classes, 1))])


class SparseConv(nn.Module):
    """A convolution of those maps that a table connects: each connection by itself, and the maps' sums."""

    def __init__(self, connections, above):
        super().__init__()
        self.weight, self.bias = (
            nn.Parameter(torch.zeros(connections, 7, 7)),
            nn.Parameter(torch.zeros(above)),
        )
        self.register_buffer("table", torch.zeros(connections, 2, dtype=torch.int32))

    def forward(self, x):
        source, target = self.table.long().T
        one_by_one = F.conv2d(x[:, source], self.weight[:, None], padding=3, groups=len(source))
        sums = x.new_zeros(len(x), len(self.bias), *x.shape[2:]).index_add(1, target, one_by_one)
        return sums + self.bias[:, None, None]


class Farabet(nn.Module):
    def __init__(self, classes, *, width, fc, scales=3):
        super().__init__()
        self.scales = scales
        self.yuv = nn.Conv2d(3, 3, 1, bias=False).requires_grad_(False)
        luma = 10 * width // 16
        connections = (luma + 2 * (width - luma), 4 * width * (width // 2), 16 * width * 2 * width)
        maps = (width, 4 * width, 16 * width)
        self.stages = nn.ModuleDict(
            {f"conv{n}": SparseConv(*of) for n, of in enumerate(zip(connections, maps), 1)}
        )
        self.classifier = named(
            ("hidden", nn.Conv2d(scales * maps[-1], fc, 1)),
            ("tanh", nn.Tanh()),
            ("score", nn.Conv2d(fc, classes, 1)),
        )
        self.upscore = nn.ConvTranspose2d(classes, classes, 8, 4, 2, bias=False).requires_grad_(False)

    def forward(self, x):
        maps = [self.features(level) for level in self.pyramid(self.yuv(x))]
        size = maps[0].shape[2:]
        joined = [
            cut(m.repeat_interleave(2**n, 2).repeat_interleave(2**n, 3), size) for n, m in enumerate(maps)
        ]
        return cut(self.upscore(self.classifier(torch.cat(joined, dim=1))), x.shape[2:])

    def pyramid(self, x):
        line = torch.tensor([1, 4, 6, 4, 1], dtype=x.dtype) / 16
        blur = (line[:, None] * line).expand(3, 1, 5, 5)

        def down(x):
            return F.conv2d(x, blur, stride=2, padding=2, groups=3)

        def up(x):
            return F.conv_transpose2d(x, blur, stride=2, padding=2, output_padding=1, groups=3)

        bands = []
        for _ in range(1, self.scales):
            half = down(x) / down(torch.ones_like(x))
            bands.append(x - cut(up(half) / up(torch.ones_like(half)), x.shape[2:]))
            x = half
        return [*bands, x]

    def features(self, x):
        for number in (1, 2, 3):
            if number == 1:
                x = self.local_norm(x)
            x = self.stages[f"conv{number}"](x)
            if number < 3:
                x = F.max_pool2d(torch.tanh(x), 2, ceil_mode=True)
        return x

    @staticmethod
    def local_norm(x):
        def average(x):
            return F.avg_pool2d(x, 15, stride=1, padding=7, count_include_pad=False)

        x = x - average(x)
        return x / torch.sqrt(average(x * x) + 1e-5)


#: Kernel and pooling of each layer.
LAYOUTS = {
    "cnn1": ((6, 8), (3, 2), (7, 1)),
    "cnn2": ((8, 2), (8, 2), (1, 1)),
    "cnn3": ((8, 2), (8, 1), (1, 1)),
}


class Recurrent(nn.Module):
    """Pinheiro and Collobert's: a score at every pixel, by kernels and poolings that are dilated instead of strided."""

    def __init__(self, classes, *, layout, instances, width, step, hidden_tanh=True):
        super().__init__()
        self.stages, self.instances, self.step, self.hidden_tanh = (
            LAYOUTS[layout],
            instances,
            step,
            hidden_tanh,
        )
        self.fed = classes if instances > 1 else 0
        planes = (self.fed + 3, width, 2 * width, classes)
        for n, (kernel, _) in enumerate(self.stages, start=1):
            self.add_module(f"conv{n}", nn.Conv2d(planes[n - 1], planes[n], kernel))
        if step > 1:
            self.enlarge = nn.ConvTranspose2d(classes, classes, 2 * step, step, step // 2, bias=False)
            self.enlarge.requires_grad_(False)

    def half(self, dilation):
        """Pixels that an instance takes off each side of its planes."""
        size = 1
        for kernel, pool in reversed(self.stages):
            size = size * pool + kernel - 1
        return size // 2 * dilation

    def instance(self, x, dilation):
        for n, (_, pool) in enumerate(self.stages, start=1):
            conv = self.get_submodule(f"conv{n}")
            x = F.conv2d(x, conv.weight, conv.bias, dilation=dilation)
            if pool > 1:
                x = F.max_pool2d(x, pool, stride=1, dilation=dilation)
                dilation *= pool
            if pool > 1 or (self.hidden_tanh and n < len(self.stages)):
                x = torch.tanh(x)
        return x, dilation

    def instances_scores(self, x, beyond=0):
        """Return each instance's scores at the pixels of the image, and so many more below and to the right."""
        size, dilation, dilations = x.shape[2:], 1, []
        for _ in range(self.instances):
            dilations.append(dilation)
            for _, pool in self.stages:
                dilation *= pool
        border = sum(map(self.half, dilations))
        image = F.pad(x, (border, border + beyond) * 2)
        labels, every = x.new_zeros(len(x), self.fed, *image.shape[2:]), []
        for dilation in dilations:
            labels, _ = self.instance(torch.cat([labels, image], dim=1), dilation)
            half = self.half(dilation)
            image = image[:, :, half:-half, half:-half]
            border -= half
            every.append(cut(labels, [n + beyond for n in size], border))
        return every

    def learned_from(self, x, labels):
        """Return each instance's scores with their labels, at those pixels where its poolings' strides leave some."""
        gap = 1
        for scores in self.instances_scores(x):
            for _, pool in self.stages:
                gap = min(self.step, gap * pool)
            first = (self.step - 1) // 2 % gap
            yield scores[:, :, first::gap, first::gap], labels[:, first::gap, first::gap]

    def forward(self, x):
        if self.step == 1:
            return self.instances_scores(x)[-1]
        first = (self.step - 1) // 2
        scores = self.instances_scores(x, beyond=self.step)[-1][:, :, first :: self.step, first :: self.step]
        scores = cut(scores, [-(-n // self.step) for n in x.shape[2:]])
        return cut(self.enlarge(scores), x.shape[2:])


#: By npseg's names.
MODULES = {
    "sliding-window": (SlidingWindow, {}),
    "full-resolution": (full_resolution, {}),
    "fcn32s": (FCN, {"head": "32s"}),
    "fcn16s": (FCN, {"head": "16s"}),
    "fcn8s": (FCN, {"head": "8s"}),
    "fcn8s-at-once": (FCN, {"head": "8s", "at_once": True}),
    "deconvnet": (DeconvNet, {}),
    "segnet": (segnet, {}),
    "segnet-basic": (segnet_basic, {}),
    "unet": (UNet, {}),
    "farabet": (Farabet, {}),
    "cnn1": (Recurrent, {"layout": "cnn1", "instances": 1}),
    "rcnn2": (Recurrent, {"layout": "cnn2", "instances": 2}),
    "rcnn3": (Recurrent, {"layout": "cnn3", "instances": 3}),
}


def make(name, classes, **settings):
    """Build a module in float64, in training."""
    build, variant = MODULES[name]
    return build(classes, **(variant | settings)).double()
