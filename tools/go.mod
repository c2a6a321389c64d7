// The tools that guard the code. They are a module of their own, so that
// nothing of theirs enters the product's module graph.
module github.com/certagent/certagent/tools

go 1.26.0
