// What the charts share: points and axes of one data set.
const COLOURS = 8; // .colour-0 … .colour-7 in the style
const COST_AXES = {
  "training: reconstruction": { of: (row) => row.reconstruction, better: false, text: "reconstruction at the end of training (nats)" },
  "training: parameters": { of: (row) => row.parameters, better: false, text: "parameters of the model" },
  "training: seconds": { of: (row) => row.seconds, better: false, text: "seconds of training" },
  "training: images": { of: (row) => row.images, better: false, text: "images that training saw" },
};
const FIDELITY = ["reconstruction_error", "elbo", "image_quality"]; // metrics of images, the others are of codes

// Points of a chart: each model with a configuration and representation, with its row of each axis.
function pointsOf(found) {
  const groups = grouped(found, (row) => [row.model, row.config, row.representation, row.evidence].join("\n"));
  return [...groups.values()].map((of) => ({ row: of[0], byAxis: new Map(of.map((row) => [row.axis, row])) }));
}

function axisOf(name, found) {
  if (COST_AXES[name]) return { ...COST_AXES[name], name, at: (point) => COST_AXES[name].of(point.row), whole: () => null };
  const better = found.find((row) => row.axis === name)?.higher_is_better ?? null;
  const whole = (point) => point.byAxis.get(name) ?? null;
  return { name, better, text: name, at: (point) => whole(point)?.iqm ?? null, whole };
}

