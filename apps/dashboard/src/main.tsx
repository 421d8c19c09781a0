import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './style/base.css';
import './style/parts.css';
import './style/tables.css';
import { startNavigation } from './state/address.ts';
import { startCharts } from './state/charts.ts';
import { startClock } from './state/clock.ts';
import { startHistory } from './state/history.ts';
import { startLive } from './state/live.ts';
import { App } from './view/app.tsx';

startNavigation();
startClock();
startLive();
startHistory();
startCharts();
const place = document.getElementById('app');
if (place !== null) render(<App />, place);
