"use strict";
(() => {
  const video = document.querySelector("video");
  const tracks = document.querySelector(".tracks");
  const scroller = tracks.parentElement;
  const over = document.querySelector(".over");
  const playhead = document.querySelector(".playhead");
  const duration = Number(over.dataset.duration) || 1;
  const steps = [1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32];
  let level = 0;

  const zoomTo = (next, atX) => {
    const before = over.getBoundingClientRect();
    const x = atX ?? scroller.getBoundingClientRect().left + scroller.clientWidth / 2;
    const share = (x - before.left) / before.width;
    level = Math.min(Math.max(next, 0), steps.length - 1);
    tracks.style.setProperty("--zoom", steps[level]);
    document.querySelector(".zoom output").textContent = steps[level] + "×";
    const after = over.getBoundingClientRect();
    scroller.scrollLeft += after.left + share * after.width - x;
  };
  document.querySelector(".zoom").hidden = false;
  for (const button of document.querySelectorAll("[data-zoom]"))
    button.addEventListener("click", () => zoomTo(level + Number(button.dataset.zoom)));
  scroller.addEventListener("keydown", (event) => {
    if (event.key === "+" || event.key === "=") zoomTo(level + 1);
    else if (event.key === "-") zoomTo(level - 1);
  });
  scroller.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoomTo(level + (event.deltaY < 0 ? 1 : -1), event.clientX);
  }, { passive: false });

  if (video) {
    const draw = () => {
      playhead.hidden = false;
      playhead.style.left = 100 * Math.min(video.currentTime / duration, 1) + "%";
      if (!video.paused) requestAnimationFrame(draw);
    };
    for (const name of ["play", "seeked", "timeupdate"]) video.addEventListener(name, draw);
    const play = (time) => {
      video.currentTime = time;
      video.play().catch(() => {}); // a browser may refuse to start by itself
    };
    for (const button of document.querySelectorAll("[data-seek]"))
      button.addEventListener("click", () => play(Number(button.dataset.seek)));
    tracks.addEventListener("click", (event) => {
      if (event.target.closest("a, .label")) return;
      const box = over.getBoundingClientRect();
      video.currentTime = duration * Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    });
  }

  // What is compared goes on where the other was, and one alone sounds.
  for (const moment of document.querySelectorAll(".moment")) {
    const sounds = [...moment.querySelectorAll("audio")];
    for (const sound of sounds)
      sound.addEventListener("play", () => {
        const other = sounds.find((one) => one !== sound && !one.paused);
        if (other) sound.currentTime = other.currentTime;
        for (const one of document.querySelectorAll("audio, video")) if (one !== sound) one.pause();
      });
  }

  const toClipboard = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea"); // pages opened from disk may lack the clipboard interface
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };
  for (const button of document.querySelectorAll("[data-copy]")) {
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await toClipboard(button.dataset.copy);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = label), 1500);
    });
  }
})();
