import { count } from "../../lib/format";
import styles from "./LostPictures.module.css";

/** Which pictures could not be loaded: whoever serves them must know the address. */
export function LostPictures({ urls }: { urls: string[] }) {
  if (urls.length === 0) return null;
  return (
    <p className={`muted ${styles.lost}`} role="status" data-figure="lost-pictures">
      {urls.length === 1 ? "The picture" : `${count(urls.length)} pictures`} could not be loaded
      {urls.length === 1 ? ": " : ", such as "}
      <code>{urls[0]}</code>
    </p>
  );
}
