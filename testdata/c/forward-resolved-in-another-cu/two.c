struct ambiguous { long two; } *two;
