"use strict";

const LONGEST = 30; // seconds of a clip, after which recording stops
const clips = {}; // by the field of the form: a Blob
const $ = (id) => document.getElementById(id);
let needsToken = false;

function show(element, text) {
  element.textContent = text;
  element.hidden = !text;
}

function update() {
  const recording = document.querySelector(".recording");
  $("compare").disabled = !(clips.a && clips.b) || !!recording || (needsToken && !$("token").value);
}

/* One clip: a button that starts and stops recording, a level, and what was recorded. */
function setUp(section) {
  const field = section.dataset.clip;
  const part = (selector) => section.querySelector(selector);
  const [button, label, state, audio, level] = [".record", ".label", ".state", "audio", ".level span"].map(part);
  let recorder = null;
  let starting = false;

  function keep(blob, what) {
    clips[field] = blob;
    if (audio.src) URL.revokeObjectURL(audio.src);
    audio.src = URL.createObjectURL(blob);
    audio.hidden = false;
    state.textContent = what;
    $("result").hidden = true;
    show($("error"), "");
    update();
  }

  async function start() {
    show($("unable"), "");
    const microphone = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    let stream;
    starting = true; // a button that is disabled loses the focus of the keyboard
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: microphone });
    } catch (error) {
      const refused = error.name === "NotAllowedError";
      show($("unable"), refused ? "The browser does not allow the microphone; allow it, or choose files."
        : "No microphone was found; choose files.");
      return;
    } finally {
      starting = false;
    }
    const pieces = [];
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    const mono = new MediaStreamAudioDestinationNode(context, { channelCount: 1, channelCountMode: "explicit" });
    context.createMediaStreamSource(stream).connect(analyser).connect(mono); // recorders write two channels else
    const wave = new Float32Array(analyser.fftSize);
    const begin = performance.now();
    recorder = new MediaRecorder(mono.stream);
    recorder.ondataavailable = (event) => pieces.push(event.data);
    recorder.onstop = () => {
      const seconds = (performance.now() - begin) / 1000;
      const type = recorder.mimeType;
      recorder = null;
      stream.getTracks().forEach((track) => track.stop());
      context.close();
      section.classList.remove("recording");
      level.style.transform = "scaleX(0)";
      label.textContent = `Record ${field.toUpperCase()} again`;
      part("input").value = "";
      keep(new Blob(pieces, { type }), `${seconds.toFixed(1)} s recorded.`);
      section.parentElement.querySelectorAll(".record").forEach((other) => { other.disabled = false; });
    };
    recorder.start();
    section.classList.add("recording");
    label.textContent = "Stop";
    section.parentElement.querySelectorAll(".record").forEach((other) => { other.disabled = other !== button; });
    update();
    (function draw() {
      if (!recorder || recorder.state !== "recording") return;
      const seconds = (performance.now() - begin) / 1000;
      analyser.getFloatTimeDomainData(wave);
      const peak = wave.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      level.style.transform = `scaleX(${Math.min(1, peak)})`;
      state.textContent = `Recording: ${seconds.toFixed(1)} s`;
      if (seconds >= LONGEST) recorder.stop(); else requestAnimationFrame(draw);
    })();
  }

  button.addEventListener("click", () => {
    if (recorder) recorder.stop();
    else if (!starting) start();
  });
  part("input").addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) keep(file, file.name);
  });
  if (!navigator.mediaDevices || !window.MediaRecorder) {
    button.disabled = true;
    show($("unable"), "This browser records on https and on localhost only; choose files.");
  }
}

async function compare() {
  const form = new FormData();
  for (const field of ["a", "b"]) form.append(field, clips[field], field); // the name of a file stays here
  const headers = needsToken ? { Authorization: `Bearer ${$("token").value.trim()}` } : {};
  $("compare").disabled = true;
  $("compare").textContent = "Comparing…";
  $("result").hidden = true;
  show($("error"), "");
  try {
    const response = await fetch("verify", { method: "POST", body: form, headers });
    const answer = await response.json();
    if (response.ok) present(answer.comparisons[0]);
    else show($("error"), answer.error.replace(/^([ab]) 1:/, (_, field) => `Clip ${field.toUpperCase()}:`));
  } catch {
    show($("error"), "The server did not answer; try again.");
  }
  $("compare").textContent = "Compare";
  update();
}

function present(found) {
  const { llr, probability, prior } = found;
  $("decision").textContent = found.same ? "Same speaker" : "Different speakers";
  $("result").className = found.same ? "same" : "different";
  $("llr").textContent = llr === null ? "not calibrated" : llr.toFixed(2);
  $("probability").textContent = probability === null ? "not calibrated" : `${percent(probability)} (prior ${percent(prior)})`;
  $("score").textContent = found.score.toPrecision(4);
  const heard = [["A", found.a[0]], ["B", found.b]];
  $("speech").textContent = heard.map(([name, one]) => `${name} ${one.speech.toFixed(1)} s`).join(", ");
  const on = found.threshold_on === "llr" ? "log-likelihood ratio" : "score";
  $("why").textContent = `Decided by the ${on}, which must be at least ${found.threshold.toFixed(2)}: ${found.why}.`;
  const warnings = heard.flatMap(([name, one]) => one.warnings.map((text) => `Clip ${name}: ${text}`));
  $("warnings").replaceChildren(...warnings.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  $("result").hidden = false;
}

function percent(share) {
  const value = 100 * share;
  if (value > 99.9 && value < 100) return "over 99.9 %";
  return value > 0 && value < 0.1 ? "below 0.1 %" : `${value.toPrecision(3).replace(/\.0+$/, "")} %`;
}

document.querySelectorAll(".clip").forEach(setUp);
$("compare").addEventListener("click", compare);
$("token").addEventListener("input", update);
$("with-token").addEventListener("submit", (event) => {
  event.preventDefault();
  $("compare").click();
});
fetch("health").then((response) => response.json()).then((health) => {
  needsToken = health.token;
  $("with-token").hidden = !needsToken;
  update();
}).catch(() => show($("error"), "The server does not answer."));
