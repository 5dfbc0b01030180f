/**
 * Runs in the page: texts whose contrast is below what WCAG 2.2 AA asks for (1.4.3: 4.5, or 3 for large text), each with its
 * ratio. Backgrounds are composited from the page up; text of figures has its fill.
 */
export const lowContrast = `(() => {
  const parse = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
    return [r, g, b, a];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]));
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (element) => {
    const chain = [];
    for (let one = element; one; one = one.parentElement) chain.unshift(parse(getComputedStyle(one).backgroundColor));
    return chain.reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const low = [];
  let seen = 0;
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    if (!text || !element || element.closest('script, style') || element.getClientRects().length === 0) continue;
    const style = getComputedStyle(element);
    const figure = element instanceof SVGElement;
    const under = background(element);
    const colour = parse(figure ? style.fill : style.color);
    if (figure) colour[3] *= Number(style.fillOpacity) * Number(style.opacity);
    // Labels of an axis that have no room are there, but not shown.
    if (colour[3] === 0) continue;
    const [a, b] = [luminance(over(colour, under)), luminance(under)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    seen++;
    if (ratio < (large ? 3 : 4.5)) low.push(ratio.toFixed(2) + ' ' + text.slice(0, 40));
  }
  if (seen < 50) low.push('only ' + seen + ' texts were looked at');
  return [...new Set(low)];
})()`;
