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

  const copy = document.querySelector(".copy");
  if (copy) {
    const credits = document.querySelector("textarea.credits");
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      credits.select();
      try {
        await navigator.clipboard.writeText(credits.value);
      } catch {
        document.execCommand("copy"); // pages opened from disk may lack the clipboard interface
      }
      copy.textContent = "Copied";
      setTimeout(() => (copy.textContent = "Copy"), 1500);
    });
  }
})();
