// The sample pictures, with boxes on them: drawn scenes of colored shapes.

export const SAMPLES = [
  {
    name: "Market", file: "sample-market.jpg", size: [480, 360],
    boxes: [[237, 20, 323, 105], [402, 104, 476, 178], [203, 140, 267, 203], [306, 106, 388, 192], [276, 234, 378, 337]],
  },
  {
    name: "Meadow", file: "sample-meadow.png", size: [256, 256],
    boxes: [[34, 150, 98, 213], [197, 8, 249, 59], [158, 144, 217, 201], [10, 43, 74, 106]],
  },
  {
    name: "Dusk", file: "sample-dusk.jpg", size: [400, 300],
    boxes: [[155, 124, 254, 227], [26, 212, 94, 280], [117, 24, 193, 102]],
  },
];
