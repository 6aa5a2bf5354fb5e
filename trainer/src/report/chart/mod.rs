//! Line charts as SVG, coloured by the page's style sheet so that they follow its
//! light and dark dress.

mod axis;

use std::fmt::Write;

use maud::{Markup, html};

use axis::Axis;
pub(super) use axis::Scale;

use super::curve::Point;

/// A line of a chart.
pub(super) struct Line {
    /// What it shows; empty if the chart's title says so.
    pub name: String,
    /// Its points from left to right.
    pub points: Vec<Point>,
}

/// A chart: lines over one x.
pub(super) struct Chart<'a> {
    /// What is drawn, with its unit.
    pub title: &'a str,
    /// What x counts.
    pub x: &'a str,
    /// How y is spaced.
    pub scale: Scale,
    /// The measured values behind a smoothed line; empty if lines are the measurement.
    pub raw: Vec<Point>,
    /// The lines.
    pub lines: Vec<Line>,
    /// Where epochs begin, and their numbers.
    pub epochs: &'a [(f64, usize)],
    /// Whether every point is marked; for lines of few points.
    pub dots: bool,
}

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 392.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 184.0;

/// Colours and dashes that the style sheet has for lines.
pub(super) const STYLES: usize = 6;

impl Chart<'_> {
    /// The chart and its legend.
    pub fn draw(&self) -> Markup {
        let points = || {
            (self.raw.iter())
                .chain(self.lines.iter().flat_map(|line| &line.points))
                .copied()
        };
        let x = Axis::tight(points().map(|(x, _)| x), (LEFT, RIGHT));
        let y = Axis::wide(points().map(|(_, y)| y), self.scale, (BOTTOM, TOP));
        html! {
            figure.chart {
                figcaption { (self.title) }
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(self.title)
                    data-x=(numbers(&[x.range.0, x.range.1, x.place.0, x.place.1]))
                    data-y=(numbers(&[y.range.0, y.range.1, y.place.0, y.place.1]))
                    data-log[y.is_log()] {
                    (self.grid(&x, &y))
                    @if !self.raw.is_empty() {
                        path.raw d=(path(&self.raw, &x, &y)) {}
                    }
                    @for (index, line) in self.lines.iter().enumerate() {
                        path class=(style(index)) d=(path(&line.points, &x, &y)) {}
                        @if self.dots {
                            @for (at, value) in &line.points {
                                circle class=(style(index)) r="2.6"
                                    cx=(place(x.at(*at))) cy=(place(y.at(*value))) {}
                            }
                        }
                    }
                    path.cursor {}
                }
                @if self.lines.len() > 1 { (self.legend()) }
            }
        }
    }

    fn grid(&self, x: &Axis, y: &Axis) -> Markup {
        html! {
            @for tick in &y.ticks {
                @let height = place(y.at(*tick));
                path.grid d={ "M" (LEFT) " " (height) "H" (RIGHT) } {}
                text.tick x=(LEFT - 5.0) y=(height) dy="0.35em" text-anchor="end" { (y.label(*tick)) }
            }
            @for (at, epoch) in self.epochs {
                @let left = place(x.at(*at));
                path.epoch d={ "M" (left) " " (TOP) "V" (BOTTOM) } {}
                text.epoch x=(left) y=(TOP - 5.0) text-anchor="middle" { "ep " (epoch) }
            }
            path.axis d={ "M" (LEFT) " " (BOTTOM) "H" (RIGHT) } {}
            @for tick in &x.ticks {
                @let left = place(x.at(*tick));
                path.axis d={ "M" (left) " " (BOTTOM) "v4" } {}
                text.tick x=(left) y=(BOTTOM + 16.0) text-anchor="middle" { (x.label(*tick)) }
            }
            text.tick.name x=((LEFT + RIGHT) / 2.0) y=(HEIGHT - 4.0) text-anchor="middle" { (self.x) }
        }
    }

    fn legend(&self) -> Markup {
        html! {
            ul.legend {
                @for (index, line) in self.lines.iter().enumerate() {
                    li {
                        svg viewBox="0 0 28 8" aria-hidden="true" {
                            path class=(style(index)) d="M1 4H27" {}
                        }
                        (line.name) b.value {}
                    }
                }
            }
        }
    }
}

fn style(index: usize) -> String {
    format!("line s{}", index % STYLES)
}

/// A place on the drawing; a tenth of a unit is less than a pixel.
fn place(value: f64) -> String {
    format!("{value:.1}")
}

fn numbers(values: &[f64]) -> String {
    let words: Vec<String> = values.iter().map(f64::to_string).collect();
    words.join(" ")
}

/// Straight lines between points; what is not finite leaves a gap.
fn path(points: &[Point], x: &Axis, y: &Axis) -> String {
    let mut path = String::new();
    let mut pen = 'M';
    for (at, value) in points {
        if !value.is_finite() {
            pen = 'M';
            continue;
        }
        // Writing to a string cannot fail.
        let _ = write!(path, "{pen}{:.1} {:.1}", x.at(*at), y.at(*value));
        pen = 'L';
    }
    path
}
