// Whether a hand is at a list, so that nothing in it may move: a pointer moved over it so lately that
// it is about to press something, or rests on it while somebody reads. One that was left there, as
// before a screen on the wall, holds nothing up.

const STEADY = 3_000;
const LEFT = 30_000;

/** Watch `place`; answers a function that says whether a hand is there now. */
export function watchHand(place) {
  let movedAt = -STEADY;
  // A finger leaves nothing behind, though browsers have the place hovered until the next touch.
  let isFinger = false;

  function note({ pointerType }) {
    movedAt = performance.now();
    isFinger = pointerType === "touch";
  }

  place.addEventListener("pointermove", note, { passive: true });
  place.addEventListener("pointerdown", note, { passive: true });
  return () => {
    const still = performance.now() - movedAt;
    return still < STEADY || (still < LEFT && !isFinger && place.matches(":hover"));
  };
}
