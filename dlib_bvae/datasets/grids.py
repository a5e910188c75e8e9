"""The factors of the grids that both an official and a drawn data set have, the first varying slowest."""

DSPRITES = ("shape", "scale", "orientation", "position_x", "position_y")
SHAPES3D = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
MPI3D = (
    "object_color",
    "object_shape",
    "object_size",
    "camera_height",
    "background_color",
    "horizontal_axis",
    "vertical_axis",
)
