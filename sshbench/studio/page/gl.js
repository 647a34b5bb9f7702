// Draws the composite with WebGL2. The LUT is a 3D texture of floats, interpolated in the shader: the texture unit
// itself would interpolate with 8 bits of fraction.

const VERTEX = `#version 300 es
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0;
  gl_Position = vec4(corner, 0.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
precision highp sampler2D;
precision highp sampler3D;
uniform sampler2D background, foreground, alpha, mask, proof;
uniform sampler3D lut;
uniform vec2 backgroundSize, foregroundSize;
uniform vec4 pane;   // left, bottom, width and height in pixels of the canvas
uniform vec3 view;   // the left top corner of the picture in the pane, and the size of its pixels in pixels of the canvas
uniform mat3x2 toForeground;
uniform vec3 surround;
uniform int mode;    // 0: the composite, 1: the foreground with its mask
uniform int points;  // the number of points of the LUT along an axis; 0 without a LUT
uniform float split; // the foreground to the left of this position is not harmonized
uniform bool proven; // whether the server's own picture shows in place of the composite
out vec4 colour;

vec3 at(ivec3 place) { return texelFetch(lut, place, 0).rgb; }

vec3 mapped(vec3 value) {
  vec3 place = clamp(value, 0.0, 1.0) * float(points - 1);
  ivec3 cell = min(ivec3(place), ivec3(points - 2));
  vec3 part = place - vec3(cell);
  ivec2 step = ivec2(0, 1);
  vec3 low = mix(mix(at(cell), at(cell + step.yxx), part.r), mix(at(cell + step.xyx), at(cell + step.yyx), part.r), part.g);
  vec3 high = mix(mix(at(cell + step.xxy), at(cell + step.yxy), part.r), mix(at(cell + step.xyy), at(cell + step.yyy), part.r), part.g);
  return mix(low, high, part.b);
}

void main() {
  vec2 here = vec2(gl_FragCoord.x - pane.x, pane.w - (gl_FragCoord.y - pane.y));
  vec2 picture = (here - view.xy) / view.z;
  vec2 size = mode == 1 ? foregroundSize : backgroundSize;
  vec2 on = mode == 1 ? picture : toForeground * vec3(picture, 1.0);
  vec2 uv = on / foregroundSize;
  vec2 across = dFdx(uv), down = dFdy(uv);  // before any branch, where neighbours are still defined
  vec2 place = picture / backgroundSize, placeAcross = dFdx(place), placeDown = dFdy(place);
  if (any(lessThan(picture, vec2(0.0))) || any(greaterThanEqual(picture, size))) {
    colour = vec4(surround, 1.0);
    return;
  }
  if (proven && here.x >= split) {
    colour = vec4(textureGrad(proof, place, placeAcross, placeDown).rgb, 1.0);
    return;
  }
  vec3 behind = mode == 1 ? vec3(0.0) : textureGrad(background, place, placeAcross, placeDown).rgb;
  colour = vec4(behind, 1.0);
  if (any(lessThan(uv, vec2(0.0))) || any(greaterThan(uv, vec2(1.0)))) return;
  float cover = textureGrad(mask, uv, across, down).r;
  if (cover == 0.0 && mode == 0) return;
  cover *= textureGrad(alpha, uv, across, down).r;
  vec3 object = textureGrad(foreground, uv, across, down).rgb;
  if (mode == 1) behind = mix(vec3(dot(object, vec3(0.2126, 0.7152, 0.0722))) * 0.55, vec3(0.75, 0.1, 0.2), 0.4);
  else if (points > 0 && here.x >= split) object = mapped(object);
  colour.rgb = mix(behind, object, cover);
}`;

const UNITS = { background: 0, foreground: 1, mask: 2, lut: 3, alpha: 4, proof: 5 };

// Whether WebGL2 is computed in software; Chromium does not report this as a major caveat.
function isSoftware(gl) {
  const about = gl.getExtension("WEBGL_debug_renderer_info");
  const name = gl.getParameter(about ? about.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
  return /SwiftShader|llvmpipe|softpipe|Basic Render|software/i.test(name);
}

export class GlRenderer {
  // fast: refuse WebGL2 that is computed in software, because cpu.js is faster.
  constructor(canvas, fast = false) {
    const options = { alpha: false, antialias: false, preserveDrawingBuffer: true, failIfMajorPerformanceCaveat: fast };
    const gl = canvas.getContext("webgl2", options);
    if (!gl) throw new Error("This browser has no WebGL2.");
    if (fast && isSoftware(gl)) {
      gl.getExtension("WEBGL_lose_context")?.loseContext();
      throw new Error("This browser computes WebGL2 in software.");
    }
    this.gl = gl;
    this.canvas = canvas;
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
    gl.useProgram(program);
    gl.bindVertexArray(gl.createVertexArray());
    this.at = {};
    for (const name of ["backgroundSize", "foregroundSize", "pane", "view", "toForeground", "surround", "mode", "points", "split", "proven"]) {
      this.at[name] = gl.getUniformLocation(program, name);
    }
    for (const [name, unit] of Object.entries(UNITS)) gl.uniform1i(gl.getUniformLocation(program, name), unit);
    this.textures = {};
    this.luts = new Map();
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    this.setPixels("background", new Uint8Array([128, 128, 128]), 1, 1);
    this.setPixels("foreground", new Uint8Array([128, 128, 128]), 1, 1);
    this.setPixels("proof", new Uint8Array([128, 128, 128]), 1, 1);
    this.setBytes("mask", new Uint8Array([0]), 1, 1);
    this.setBytes("alpha", new Uint8Array([255]), 1, 1);
    this.none = this.makeLut(new Float32Array(24), 2);
    gl.activeTexture(gl.TEXTURE0 + UNITS.lut);
    gl.bindTexture(gl.TEXTURE_3D, this.none);
  }

  get mostTexels() { return this.gl.getParameter(this.gl.MAX_TEXTURE_SIZE); }

  plane(name) {
    const gl = this.gl;
    gl.activeTexture(gl.TEXTURE0 + UNITS[name]);
    if (this.textures[name]) gl.deleteTexture(this.textures[name]);
    this.textures[name] = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.textures[name]);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
  }

  setPixels(name, pixels, width, height) {
    const gl = this.gl;
    this.plane(name);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB8, width, height, 0, gl.RGB, gl.UNSIGNED_BYTE, pixels);
    gl.generateMipmap(gl.TEXTURE_2D);
  }

  setImage(name, bitmap) {
    const gl = this.gl;
    this.plane(name);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB8, gl.RGB, gl.UNSIGNED_BYTE, bitmap);
    gl.generateMipmap(gl.TEXTURE_2D);
  }

  setMask(bytes, width, height) { this.setBytes("mask", bytes, width, height); }

  setOpaque() { this.setBytes("alpha", new Uint8Array([255]), 1, 1); }

  setBytes(name, bytes, width, height) {
    const gl = this.gl;
    this.plane(name);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, width, height, 0, gl.RED, gl.UNSIGNED_BYTE, bytes);
    gl.generateMipmap(gl.TEXTURE_2D);
  }

  // Upload the painted part of the mask. Whole rows are uploaded, so that the bytes need not be copied.
  updateMask(bytes, width, top, bottom) {
    const gl = this.gl;
    gl.activeTexture(gl.TEXTURE0 + UNITS.mask);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, top, width, bottom - top, gl.RED, gl.UNSIGNED_BYTE, bytes.subarray(top * width, bottom * width));
    gl.generateMipmap(gl.TEXTURE_2D);
  }

  makeLut(values, points) {
    const gl = this.gl, texture = gl.createTexture();
    gl.activeTexture(gl.TEXTURE0 + UNITS.lut);
    gl.bindTexture(gl.TEXTURE_3D, texture);
    for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R]) gl.texParameteri(gl.TEXTURE_3D, side, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_3D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_3D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    gl.texImage3D(gl.TEXTURE_3D, 0, gl.RGB32F, points, points, points, 0, gl.RGB, gl.FLOAT, values);
    return texture;
  }

  setLut(name, values, points) {
    const before = this.luts.get(name);
    if (before) this.gl.deleteTexture(before.texture);
    this.luts.set(name, { texture: this.makeLut(values, points), points });
  }

  dropLut(name) {
    const before = this.luts.get(name);
    if (before) this.gl.deleteTexture(before.texture);
    this.luts.delete(name);
  }

  // scene: {mode, background, foreground: sizes, toForeground, surround}; panes: {left, top, width, height, lut, x, y, zoom, split}.
  draw(scene, panes) {
    const gl = this.gl, at = this.at;
    gl.disable(gl.SCISSOR_TEST);
    gl.clearColor(...scene.surround, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.SCISSOR_TEST);
    gl.uniform2f(at.backgroundSize, scene.background.width, scene.background.height);
    gl.uniform2f(at.foregroundSize, scene.foreground.width, scene.foreground.height);
    gl.uniformMatrix3x2fv(at.toForeground, false, scene.toForeground);
    gl.uniform3f(at.surround, ...scene.surround);
    gl.uniform1i(at.mode, scene.mode);
    for (const pane of panes) {
      const bottom = this.canvas.height - pane.top - pane.height;
      gl.viewport(pane.left, bottom, pane.width, pane.height);
      gl.scissor(pane.left, bottom, pane.width, pane.height);
      gl.uniform4f(at.pane, pane.left, bottom, pane.width, pane.height);
      gl.uniform3f(at.view, pane.x, pane.y, pane.zoom);
      gl.uniform1f(at.split, pane.split);
      gl.uniform1i(at.proven, pane.proven ? 1 : 0);
      const lut = this.luts.get(pane.lut);
      gl.uniform1i(at.points, lut ? lut.points : 0);
      gl.activeTexture(gl.TEXTURE0 + UNITS.lut);
      gl.bindTexture(gl.TEXTURE_3D, lut ? lut.texture : this.none);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    }
  }

  // Return the pixels of the canvas as RGBA, with the bottom row first.
  read() {
    const gl = this.gl, pixels = new Uint8Array(this.canvas.width * this.canvas.height * 4);
    gl.readPixels(0, 0, this.canvas.width, this.canvas.height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    return pixels;
  }
}
