// The app's page: a photo goes in, its motion is seen and touched in a frame, a video comes out.

const element = (id) => document.getElementById(id);
const POLL_MS = 250;
let photo = null;

/** The server's answer, or an Error with its own sentence. */
async function ask(path, options) {
  const response = await fetch(path, options).catch(() => {
    throw new Error("stillwave does not answer; is it still running?");
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error.message);
  return answer;
}

/** Shows one of "empty", "busy" and "ready"; while a new photo is worked on, it is seen instead of the last. */
function show(state, isNewPhoto = false) {
  document.body.dataset.state = state;
  element("welcome").hidden = state !== "empty";
  element("work").hidden = state !== "busy";
  element("panel").hidden = state !== "ready";
  element("scene").hidden = !element("scene").src || isNewPhoto;
  element("preview").hidden = !isNewPhoto;
}

function complain(text) {
  element("message").textContent = text;
  element("message").hidden = !text;
}

/** Starts a job and waits for its end: true if it was done, false if it was cancelled. */
async function work(stage, path, options, isNewPhoto) {
  complain("");
  element("stage").textContent = stage;
  element("progress").value = 0;
  show("busy", isNewPhoto);
  let job = await ask(path, { method: "POST", ...options });
  while (job.state === "running") {
    await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
    job = await ask("/api/job");
    element("progress").value = job.progress;
  }
  if (job.state === "failed") throw new Error(job.error.message);
  return job.state === "done";
}

/** Runs a job; whatever happens, the page is usable after it. */
async function attempt(job) {
  try {
    await job();
  } catch (error) {
    complain(error.message);
  }
  show(element("scene").src ? "ready" : "empty");
}

function look(file) {
  return attempt(async () => {
    URL.revokeObjectURL(element("preview").src);
    element("preview").src = URL.createObjectURL(file);
    const headers = { "Content-Type": "application/octet-stream", "X-File-Name": encodeURIComponent(file.name) };
    const path = `/api/photo?seed=${Math.abs(Math.trunc(element("seed").value)) || 0}`;
    openBrush(false);
    if (!await work("Imagining how it moves", path, { body: file, headers }, file !== photo)) return;
    if (file !== photo) brush.clear();
    else if (brush.isPainted) await ask("/api/mask", { method: "POST", body: await brush.picture() });
    photo = file;
    element("scene").src = `/scene?${Date.now()}`;
  });
}

function render() {
  openBrush(false);
  return attempt(async () => {
    const [seconds, magnify] = ["seconds", "magnify"].map((id) => Number(element(id).value));
    const body = JSON.stringify({ seconds, magnify, format: element("format").value });
    if (!await work("Making the video", "/api/render", { body })) return;
    const link = document.createElement("a");
    [link.href, link.download] = ["/api/video", ""];
    link.click();
  });
}

/** The frame's wind is the video's magnitude: what is seen is what is saved. */
function blow() {
  const wind = element("scene").contentDocument?.getElementById("wind");
  if (!wind) return;
  wind.value = element("magnify").value;
  wind.dispatchEvent(new Event("input"));
}

/** The mask lies on the picture in the frame. */
const brush = new Brush(element("mask"), () => allow(true));

function openBrush(isOpen) {
  const picture = element("scene").contentDocument?.getElementById("picture");
  element("mask").hidden = element("erase").hidden = element("brush-row").hidden = !isOpen;
  element("paint").setAttribute("aria-pressed", String(isOpen));
  if (!isOpen || !picture) return;
  brush.cover(picture.getBoundingClientRect(), picture.width, picture.height);
  element("mask").focus();
}

/** Tells the server what may move, and shows it. */
async function allow(isMasked) {
  try {
    await ask("/api/mask", isMasked ? { method: "POST", body: await brush.picture() } : { method: "DELETE" });
    element("scene").src = `/scene?${Date.now()}`;
  } catch (error) {
    complain(error.message);
  }
}

element("paint").addEventListener("click", () => openBrush(element("mask").hidden));
element("erase").addEventListener("click", () => {
  brush.isErasing = !brush.isErasing;
  element("erase").setAttribute("aria-pressed", String(brush.isErasing));
});
element("brush").addEventListener("input", (event) => { brush.radius = Number(event.target.value); });
element("clear").addEventListener("click", () => {
  brush.clear();
  openBrush(false);
  allow(false);
});
addEventListener("resize", () => openBrush(false));
element("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  if (file) look(file);
});
for (const kind of ["dragover", "dragleave", "drop"])
  addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.toggle("is-over", kind === "dragover");
    const file = kind === "drop" && event.dataTransfer.files[0];
    if (file && document.body.dataset.state !== "busy") look(file);
  });
element("preview").addEventListener("error", () => { element("preview").hidden = true; });  // HEIC, mostly
element("cancel").addEventListener("click", () => ask("/api/job", { method: "DELETE" }).catch(() => {}));
element("magnify").addEventListener("input", blow);
element("seed").addEventListener("change", () => look(photo));
element("another").addEventListener("click", () => {
  element("seed").value = Number(element("seed").value) + 1;
  look(photo);
});
element("panel").addEventListener("submit", (event) => {
  event.preventDefault();
  render();
});
