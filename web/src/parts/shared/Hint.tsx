import { Popover, Tooltip } from "radix-ui";
import { useState } from "react";
import styles from "./Hint.module.css";

/** Says more of its child when it is hovered, focused or tapped. The child must be one that can have the focus. */
export function Hint({ text, children }: { text: React.ReactNode; children: React.ReactElement }) {
  const [open, setOpen] = useState(false);
  return (
    <Tooltip.Provider delayDuration={150}>
      <Tooltip.Root open={open} onOpenChange={setOpen}>
        <Tooltip.Trigger
          asChild
          onClick={(event) => {
            // Radix hides a tooltip on a click; a finger has nothing else to ask for it with.
            event.preventDefault();
            setOpen(true);
          }}
        >
          {children}
        </Tooltip.Trigger>
        <Tooltip.Portal>
          <Tooltip.Content className={styles.hint} side="bottom" sideOffset={6} collisionPadding={8}>
            {text}
            <Tooltip.Arrow className={styles.arrow} />
          </Tooltip.Content>
        </Tooltip.Portal>
      </Tooltip.Root>
    </Tooltip.Provider>
  );
}

interface PopProps {
  /** What opens it: the words on a button, or a button of one's own. */
  button: React.ReactNode;
  label?: string;
  title: string;
  onOpen?: (open: boolean) => void;
  children: React.ReactNode | ((close: () => void) => React.ReactNode);
}

/** A small panel that a button opens; Escape and a click elsewhere close it. */
export function Pop({ button, label, title, onOpen, children }: PopProps) {
  const [open, setOpen] = useState(false);
  const change = (next: boolean) => {
    setOpen(next);
    onOpen?.(next);
  };
  return (
    <Popover.Root open={open} onOpenChange={change}>
      <Popover.Trigger className="control" aria-label={label}>
        {button}
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content className={styles.pop} sideOffset={6} collisionPadding={12} align="end" aria-label={title}>
          <h3>{title}</h3>
          {typeof children === "function" ? children(() => change(false)) : children}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
