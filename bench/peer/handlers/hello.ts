import type { Ngx } from "resty";

export default (ngx: Ngx) => `Hello, world! Today is ${ngx.today()}\n`;
