// Asks questions until it is done or killed: the process that tests end at any instant. Its argument: settings and `count`.
import { answersOf, type ClientSettings, openClient } from './client.ts';

const settings = JSON.parse(process.argv[2] as string) as ClientSettings & { count: number };
const { client, close } = openClient(settings);
const answers = await answersOf(client, settings.count);
close();
process.stdout.write(JSON.stringify(answers));
