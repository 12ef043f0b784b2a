import type { Subject } from "../../api/ask";
import type { SetView, View } from "../../state/view";

/** What every part of the page is given: the run, the run beside it if there is one, and the view. */
export interface PartProps {
  subject: Subject | null;
  versus: Subject | null;
  view: View;
  setView: SetView;
}

/** The same of more runs than two: what only the headline and the curves show. */
export interface SideBySideProps extends PartProps {
  also: Subject[];
}

/** The same of two runs that are compared. */
export interface ComparedProps extends PartProps {
  subject: Subject;
  versus: Subject;
}
