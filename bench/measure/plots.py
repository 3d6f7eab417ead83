#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The plots of the report, as SVG for an HTML page whose colours they take.

matplotlib draws with colours that stand for others; in the SVG they become CSS variables of the
page, so that the same plot is right on light and on dark ground.
"""
from __future__ import annotations

import io
import re
from typing import Mapping, Sequence

import matplotlib

matplotlib.use('svg')

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullFormatter  # noqa: E402

INK, SOFT, GRID, OURS, PEER, WARN, CARD = ('#010101', '#020202', '#030303', '#040404', '#050505',
                                           '#060606', '#070707')
SERIES = ('#040404', '#0a0101', '#0a0202', '#0a0303', '#0a0404', '#0a0505', '#0a0606', '#0a0707')
NAMES = {INK: 'ink', SOFT: 'soft', GRID: 'grid', OURS: 'ours', PEER: 'peer', WARN: 'warn',
         CARD: 'card', **{c: f'series{i}' for i, c in enumerate(SERIES) if i}}
MARKERS = 'osD^vPX'

plt.rcParams.update({
    'svg.fonttype': 'none', 'svg.hashsalt': 'hellogate', 'font.size': 10, 'text.color': INK,
    'axes.labelcolor': SOFT, 'axes.edgecolor': GRID, 'xtick.color': SOFT, 'ytick.color': SOFT,
    'axes.spines.top': False, 'axes.spines.right': False, 'axes.grid': True, 'grid.color': GRID,
    'grid.linewidth': 0.7, 'axes.axisbelow': True, 'legend.frameon': False,
    'legend.labelcolor': INK, 'figure.facecolor': 'none', 'axes.facecolor': 'none',
    'xtick.major.size': 0, 'ytick.major.size': 0, 'xtick.minor.size': 0, 'ytick.minor.size': 0,
})


def short(value: float, _=None) -> str:
    """1200000 as 1.2 M."""
    for size, unit in ((1e6, ' M'), (1e3, ' k')):
        if value >= size:
            return f'{value / size:.3g}{unit}'
    return f'{value:.3g}'


def svg(figure, name: str, told: str) -> str:
    """The figure as an element; told is what it says to who cannot see it."""
    out = io.StringIO()
    figure.savefig(out, format='svg', bbox_inches='tight', pad_inches=0.05, metadata={'Date': None})
    plt.close(figure)
    text = out.getvalue()
    text = text[text.index('<svg'):]
    text = re.sub(r'<metadata>.*?</metadata>', '', text, flags=re.S)
    text = re.sub(r"font: (?:bold )?([\d.]+)px [^;\"]+", r'font-size: \1px', text)
    text = re.sub(r'font-family: [^;"]+', '', text)
    for colour, variable in NAMES.items():
        text = text.replace(colour, f'var(--{variable})')
    # Names of clips and markers are those of this figure alone.
    for old in set(re.findall(r'id="([^"]+)"', text)):
        text = re.sub(rf'(id="|#){re.escape(old)}(["\)])', rf'\g<1>{name}-{old}\2', text)
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text).groups()
    return re.sub(r'<svg[^>]*>', '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink='
                  f'"http://www.w3.org/1999/xlink" viewBox="0 0 {width} {height}" role="img" '
                  f'aria-label="{told}">', text, count=1)


def kernels(ways: Mapping[str, Mapping[str, Mapping[str, float]]], chosen: str) -> str:
    """ns per cookie by batch: the kernels, and the best of each library that is not ours."""
    figure, axes = plt.subplots(figsize=(7.2, 3.6))
    ipsec = min((w for w in ways if w.startswith('ipsec')), default=None,
                key=lambda w: ways[w]['32']['best_ns'])
    others = [w for w in ways if w.startswith('openssl')] + ([ipsec] if ipsec else [])
    ours = [w for w in ways if not w.startswith(('openssl', 'ipsec'))]
    ours.sort(key=lambda w: (w != chosen, w))
    ends, seen = [], []
    for i, way in enumerate(ours + others):
        x = [int(b) for b in ways[way]]
        y = [v['best_ns'] for v in ways[way].values()]
        own = way in ours
        axes.plot(x, y, color=SERIES[i] if own else PEER, linewidth=2.4 if way == chosen else 1.6,
                  linestyle='-' if own else (0, (4, 2)), marker='o', markersize=3.5)
        ends.append([y[-1], way, SERIES[i] if own else PEER])
        seen += y
    axes.set_xscale('log', base=2)
    axes.set_yscale('log')
    axes.set_yticks([v for v in (10, 20, 50, 100, 200, 500, 1000, 2000)
                     if min(seen) / 1.5 < v < max(seen) * 1.5])
    axes.yaxis.set_minor_formatter(NullFormatter())
    # Names beside the ends, moved apart where they would touch.
    ends.sort()
    low = 0.0
    for end in ends:
        low = max(end[0], low * 1.27)
        axes.annotate(end[1], (x[-1], end[0]), (x[-1] * 1.15, low), color=end[2], va='center',
                      fontsize=9, annotation_clip=False)
    axes.set_xticks(x, [str(b) for b in x])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(short))
    axes.set_xlabel('messages in a batch')
    axes.set_ylabel('ns per cookie')
    return svg(figure, 'kernels', 'Nanoseconds per cookie by batch size, for each kernel')


def replies(bars: Sequence[tuple[str, float, str]]) -> str:
    """Replies per second of one core; the third is OURS, PEER or SOFT."""
    figure, axes = plt.subplots(figsize=(7.2, 0.45 * len(bars) + 0.6))
    places = range(len(bars))
    axes.barh(places, [b[1] for b in bars], color=[b[2] for b in bars], height=0.62)
    axes.set_yticks(places, [b[0] for b in bars])
    axes.tick_params(axis='y', labelcolor=INK)
    axes.invert_yaxis()
    axes.set_xscale('log')
    axes.set_xlim(left=min(b[1] for b in bars) / 3, right=max(b[1] for b in bars) * 3)
    axes.xaxis.set_major_formatter(FuncFormatter(short))
    axes.grid(axis='y', visible=False)
    for place, (_, value, _) in enumerate(bars):
        axes.annotate(short(value), (value, place), (5, 0), textcoords='offset points',
                      va='center', fontsize=9.5)
    axes.set_xlabel('answers a second, one core (logarithmic)')
    return svg(figure, 'replies', 'Answers a second of one core, beside other ways to answer')


def amplification(targets: Mapping[str, Mapping], kinds: Sequence[str]) -> str:
    """A row a server, a mark a class."""
    rows = list(targets.values())
    figure, axes = plt.subplots(figsize=(7.2, 0.42 * len(rows) + 1.3))
    least = 0.01
    for place, told in enumerate(rows):
        worst = max(told['baf_max'], least)
        axes.plot([least, worst], [place, place], color=GRID, linewidth=2, zorder=1)
    for i, kind in enumerate(kinds):
        x = [max(told['classes'][kind]['baf'], least) for told in rows]
        axes.scatter(x, range(len(rows)), marker=MARKERS[i], s=34, zorder=3, linewidths=0,
                     color=[WARN if v > 1 else OURS if told['title'] == 'hellogate' else PEER
                            for v, told in zip(x, rows)])
        axes.scatter([], [], marker=MARKERS[i], s=34, color=SOFT, linewidths=0, label=kind)
    axes.axvline(1, color=WARN, linewidth=1.2)
    axes.annotate('more than was sent', (1, -0.75), (4, 0), textcoords='offset points',
                  color=WARN, fontsize=9, va='center', annotation_clip=False)
    axes.set_xscale('log')
    axes.set_xlim(least * 0.8, max(3, 2 * max(t['baf_max'] for t in rows)))
    axes.set_xticks([0.01, 0.1, 1, 10], ['0', '0.1', '1', '10'])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(range(len(rows)), [t['title'] for t in rows])
    axes.tick_params(axis='y', labelcolor=INK)
    axes.set_ylim(len(rows) - 0.5, -1)
    axes.grid(axis='y', visible=False)
    axes.set_xlabel('bytes sent to the victim for each byte of the hello (logarithmic)')
    axes.legend(loc='upper center', bbox_to_anchor=(0.38, -0.28 + 0.012 * len(rows)), ncol=4,
                fontsize=9, handletextpad=0.2, columnspacing=1.2)
    return svg(figure, 'amplification', 'Bandwidth amplification by server and class of hello')


def _flood_axis(axes) -> None:
    axes.set_xscale('symlog', linthresh=500, linscale=0.4)
    axes.set_xlim(-40, 1.5e6)
    axes.set_xticks([0, 1e3, 1e4, 1e5, 1e6], ['0', '1 k', '10 k', '100 k', '1 M'])
    axes.xaxis.set_minor_formatter(NullFormatter())


def completion(targets: Mapping[str, Mapping]) -> str:
    """A small plot a server."""
    columns = 4
    lines = -(-len(targets) // columns)
    figure, grid = plt.subplots(lines, columns, figsize=(7.6, 1.65 * lines + 0.4), sharex=True,
                                sharey=True, squeeze=False)
    figure.subplots_adjust(wspace=0.12, hspace=0.45)
    for axes in grid.flat[len(targets):]:
        axes.set_visible(False)
    for axes, told in zip(grid.flat, targets.values()):
        colour = OURS if told['title'] == 'hellogate' else PEER
        x, y = zip(*sorted((s['flood_pps'], 100 * s['completed'] / s['attempted'])
                           for s in told['steps']))
        axes.fill_between(x, y, color=colour, alpha=0.22, linewidth=0)
        axes.plot(x, y, color=colour, linewidth=2, marker='o', markersize=3.5, clip_on=False)
        axes.set_title(told['title'].replace('openssl ', ''), fontsize=9.5, loc='left',
                       color=colour if colour == OURS else INK)
        _flood_axis(axes)
        axes.set_ylim(0, 104)
        axes.set_yticks([0, 50, 100], ['0', '50', '100 %'])
        axes.tick_params(labelsize=8)
    figure.supxlabel('spoofed hellos a second', fontsize=9.5, color=SOFT, y=0.1 / lines - 0.07)
    return svg(figure, 'completion', 'Share of handshakes completed against the rate of the flood')


def p99(targets: Mapping[str, Mapping]) -> str:
    """Of what was completed; a line ends where nothing was."""
    figure, axes = plt.subplots(figsize=(7.2, 3.6))
    series = iter(SERIES[1:] * 2)
    for told in targets.values():
        ours = told['title'] == 'hellogate'
        points = sorted((s['flood_pps'], s['p99_ms']) for s in told['steps'] if s['completed'])
        few = sorted((s['flood_pps'], s['p99_ms']) for s in told['steps']
                     if 0 < s['completed'] < 0.9 * s['attempted'])
        if not points:
            continue
        colour = OURS if ours else next(series)
        axes.plot(*zip(*points), color=colour, linewidth=2.6 if ours else 1.5, marker='o',
                  markersize=4 if ours else 3, zorder=5 if ours else 2, label=told['title'])
        if few:
            axes.plot(*zip(*few), color=colour, linestyle='', marker='o', markersize=5,
                      markerfacecolor=CARD, zorder=6)
    _flood_axis(axes)
    axes.set_yscale('log')
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f'{v / 1000:g} s' if v >= 1000
                                                 else f'{v:g} ms'))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel('spoofed hellos a second')
    axes.set_ylabel('p99 of completed handshakes')
    axes.legend(loc='center left', bbox_to_anchor=(1.0, 0.5), fontsize=9)
    return svg(figure, 'p99', 'p99 of completed handshakes against the rate of the flood')


def server_cpu(guarded: Sequence[Mapping], bare: Sequence[Mapping]) -> str:
    """What one server has to do against the rate of the flood, behind a guard and without one."""
    figure, axes = plt.subplots(figsize=(7.2, 2.6))
    for steps, colour, name in ((bare, PEER, 'without a guard'), (guarded, OURS, 'with a guard')):
        x, y = zip(*sorted((s['flood_pps'], 100 * s['server_cpu_share']) for s in steps))
        axes.plot(x, y, color=colour, linewidth=2.2, marker='o', markersize=4, label=name)
    _flood_axis(axes)
    axes.set_ylim(bottom=0)
    axes.set_xlabel('spoofed hellos a second')
    axes.set_ylabel('% of a CPU, server')
    axes.legend(loc='upper left', fontsize=9)
    return svg(figure, 'server-cpu', 'CPU time of the server against the rate of the flood')


def throughput(sets: Mapping[str, Mapping]) -> str:
    figure, axes = plt.subplots(figsize=(7.2, 0.95 * len(sets) + 0.7))
    rows = []
    for name, told in sets.items():
        rows += [(f'{name}, {told["bytes"]} bytes: NDR', told['ndr_pps'], OURS),
                 ('PDR', told['pdr_pps'], SERIES[1]),
                 ('answered under overload', told['overload']['answered_pps'], PEER)]
    places = [i + i // 3 * 0.5 for i in range(len(rows))]
    axes.barh(places, [r[1] for r in rows], color=[r[2] for r in rows], height=0.7)
    axes.set_yticks(places, [r[0] for r in rows])
    axes.tick_params(axis='y', labelcolor=INK)
    axes.invert_yaxis()
    axes.grid(axis='y', visible=False)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: short(v) if v else '0'))
    for place, (_, value, _) in zip(places, rows):
        axes.annotate(short(value), (value, place), (5, 0), textcoords='offset points',
                      va='center', fontsize=9.5)
    axes.set_xlabel('hellos a second')
    return svg(figure, 'throughput', 'Throughput without loss and with 0.5 percent of it')
