"use strict";
(function () {
  var page = JSON.parse(document.getElementById("figures").textContent);
  var charts = Array.prototype.slice.call(document.querySelectorAll(".chart[data-figure]"));
  function draw(chart) {
    var figure = page.figures[chart.dataset.figure];
    return Plotly.newPlot(chart, figure.data, figure.layout, page.config);
  }
  function fit() {
    charts.forEach(function (chart) { if (chart.offsetWidth) Plotly.Plots.resize(chart); });
  }
  Promise.all(charts.map(draw)).then(function () { document.documentElement.dataset.drawn = charts.length; });
  // paper is narrower than a screen: figures are drawn anew at its width, and what the manager may need is unfolded
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details.fold").forEach(function (fold) { fold.open = true; });
    fit();
  });
  window.addEventListener("afterprint", fit);
})();
