// Asking before what cannot be undone.

const dialog = document.getElementById("confirm");
const yes = document.getElementById("confirm-yes");
let agreed = false;

yes.addEventListener("click", () => {
  agreed = true;
  dialog.close();
});

/** Asks; true when the user agrees, false when they close the dialog in any other way. */
export function confirmed(title, text, action) {
  document.getElementById("confirm-title").textContent = title;
  document.getElementById("confirm-text").textContent = text;
  yes.textContent = action;
  agreed = false;
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(agreed), { once: true }));
}
