package splio

// RenderingVersion is the version of how records are rendered.
const RenderingVersion = renderingVersion
