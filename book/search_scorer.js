// What a search puts first: sections and functions, then the pages that introduce, then the rest.
var Scorer = {
  score: ([docname, , anchor, , score]) =>
    score + (anchor ? 20 : 0) + (/^book\/(notation|glossary)$/.test(docname) ? 8 : 0),
  objNameMatch: 90,
  objPartialMatch: 40,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 80,
  partialTitle: 20,
  term: 5,
  partialTerm: 2,
};
