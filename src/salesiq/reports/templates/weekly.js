"use strict";
(function () {
  var PAPER = 680; // pixels between the margins of A4
  var page = JSON.parse(document.getElementById("figures").textContent);
  var charts = Array.prototype.slice.call(document.querySelectorAll(".chart[data-figure]"));
  function draw(chart) {
    var figure = page.figures[chart.dataset.figure];
    return Plotly.newPlot(chart, figure.data, figure.layout, page.config);
  }
  Promise.all(charts.map(draw)).then(function () { document.documentElement.dataset.drawn = charts.length; });
  // a figure does not follow the page to paper by itself: it is drawn anew at its width, and the lists that belong to the
  // report are unfolded
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details.printed").forEach(function (fold) { fold.open = true; });
    charts.forEach(function (chart) { Plotly.relayout(chart, { width: PAPER }); });
  });
  window.addEventListener("afterprint", function () {
    charts.forEach(function (chart) { Plotly.relayout(chart, { width: null, autosize: true }); });
  });
})();
