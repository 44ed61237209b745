// A recipe that was pasted as one text, taken apart into title, ingredients and steps.

const INGREDIENTS = /^(the )?ingredients( list)?\W*$/i;
const STEPS = /^(instructions|directions|method|preparation|steps|how to make it)\W*$/i;
const BULLET = /^([-*•·▢☐]|\d+[.)](?=\s)|step\s+\d+\W)\s*/i;
const AMOUNT = /^([\d½¼¾⅓⅔⅛]|an? |one |two |three |pinch|some )/i;
const LONGEST_LINE = 70; // characters of an ingredient line

/** The lines of a text that hold something. */
export const linesOf = (text) => text.split(/\r?\n/).map((line) => line.trim().replace(/\s+/g, " ")).filter(Boolean);

/** Whether a text names its parts. */
export const hasParts = (text) => linesOf(text).some((line) => INGREDIENTS.test(line) || STEPS.test(line));

/** Title, ingredients and instructions of a text: by its headings, or by how ingredient lines look where it has none. */
export function takenApart(text) {
  const found = { title: "", ingredients: [], instructions: [] };
  const isNamed = hasParts(text);
  const hasPreface = linesOf(text).some((line) => INGREDIENTS.test(line)); // servings, or a story, before the first heading
  let part = "title";
  for (const line of linesOf(text)) {
    if (INGREDIENTS.test(line)) part = "ingredients";
    else if (STEPS.test(line)) part = "instructions";
    else if (part === "title" && found.title === "") found.title = line;
    else if (part !== "title" || !hasPreface) {
      if (part === "title") part = "ingredients";
      if (!isNamed && !isIngredient(line)) part = "instructions";
      found[part].push(line.replace(BULLET, ""));
    }
  }
  return found;
}

const isIngredient = (line) => line.length <= LONGEST_LINE && !/[.!]$/.test(line) && (BULLET.test(line) || AMOUNT.test(line) || line.length <= 40);
