// Browsers start no Worker for pages opened as files. This one runs the site's search in a hidden frame there.
if (location.protocol === "file:") {
  window.Worker = class {
    constructor(url) {
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      const script = document.createElement("script");
      script.src = new URL(url, location).href;
      this.frame.srcdoc = script.outerHTML;
      this.loaded = new Promise((done) => this.frame.addEventListener("load", done));
      document.body.append(this.frame);
    }
    async postMessage(data) {
      await this.loaded;
      const inside = this.frame.contentWindow;
      inside.postMessage = (answer) => this.onmessage?.({ data: structuredClone(answer) });
      inside.onmessage({ data: structuredClone(data) });
    }
    terminate() {
      this.frame.remove();
    }
  };
}
