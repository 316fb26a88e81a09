// As nexo/shared/lines.py has it.

/** Whether nobody would see that there is a text: blanks, controls, what is drawn as nothing. */
export function showsNothing(text) {
  return /^[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]*$/u.test(text);
}
