import { block } from "../lib/index.ts";

const agent = (text: string) => ({ get: "/", headers: { "User-Agent": text } });

block("modern and ancient browsers by their versions", {
  server: `
    modern_browser msie 5.5;
    modern_browser gecko 1.0.0;
    modern_browser unlisted;
    modern_browser_value new;
    ancient_browser Links Lynx netscape4;
    location / { return 200 "[$modern_browser][$ancient_browser][$msie]"; }
  `,
  steps: [
    { ...agent("Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)"), body: "[new][][1]" },
    { ...agent("Mozilla/4.0 (compatible; MSIE 5.0; Windows 98)"), body: "[][1][1]" },
    { ...agent("Mozilla/4.0 (compatible; MSIE 6.0; X11; Linux) Opera 9.0"), body: "[][1][]" },
    { ...agent("Mozilla/5.0 (X11; U; Linux; rv:1.5) Gecko/20031006"), body: "[new][][]" },
    { ...agent("Mozilla/4.79 [en] (X11; U; Linux 2.4 i686)"), body: "[][1][]" },
    { ...agent("Lynx/2.8"), body: "[][1][]" },
    { ...agent("curl/8"), body: "[new][][]" },
    { get: "/", body: "[new][][]" },
  ],
});

block("an unknown browser", { server: "modern_browser mosaic 1.0;", refused: ['unknown browser name "mosaic"'] });
