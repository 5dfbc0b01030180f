// Saves figures and numbers from the page itself: nothing is fetched, so it works from a mailed file and offline.
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  // Text stays sharp on screens with small pixels and in print.
  const SCALE = 2;

  const save = (name, blob) => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };

  const svgOf = (figure) => {
    const svg = figure.querySelector('svg').cloneNode(true);
    svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
    return new Blob([new XMLSerializer().serializeToString(svg)], { type: 'image/svg+xml' });
  };

  const pngOf = async (figure) => {
    const { width, height } = figure.querySelector('svg').viewBox.baseVal;
    const address = URL.createObjectURL(svgOf(figure));
    const image = new Image(width, height);
    image.src = address;
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = SCALE * width;
    canvas.height = SCALE * height;
    const context = canvas.getContext('2d');
    context.fillStyle = '#fff';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(address);
    return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
  };

  for (const group of document.querySelectorAll('.saves')) {
    group.hidden = false;
    group.addEventListener('click', async ({ target }) => {
      const type = target.dataset?.save;
      if (!type) return;
      const { name } = group.dataset;
      const figure = group.closest('figure');
      if (type === 'csv') save(`${name}.csv`, new Blob([data[group.dataset.csv]], { type: 'text/csv' }));
      else save(`${name}.${type}`, type === 'svg' ? svgOf(figure) : await pngOf(figure));
    });
  }
})();
