// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

const mebibyte = 1 << 20

// Special budgets.
const (
	unlimited = 0.0  // the row has no budget
	none      = -1.0 // the row's budget is 0
)

// unit formats a value.
type unit func(float64) string

func mebibytes(v float64) string { return fmt.Sprintf("%.0f MiB", v/mebibyte) }
func number(v float64) string    { return strconv.Itoa(int(v)) }
func times(v float64) string     { return fmt.Sprintf("%.1f", v) }

// seconds formats values from milliseconds to minutes with two or three digits.
func seconds(v float64) string {
	switch {
	case v < 0.1:
		return fmt.Sprintf("%.3f s", v)
	case v < 10:
		return fmt.Sprintf("%.2f s", v)
	}
	return fmt.Sprintf("%.1f s", v)
}

// table has a row for each value and a column for each agent.
type table struct{ rows []*row }

// row contains a value of each agent. The budget applies to certagent only.
type row struct {
	what   string
	budget float64
	unit   unit
	values map[string]float64 // by agent
}

// add adds a row. The budget is a number, unlimited or none.
func (t *table) add(what string, budget float64, u unit) *row {
	r := &row{what: what, budget: budget, unit: u, values: make(map[string]float64)}
	t.rows = append(t.rows, r)
	return r
}

func (r *row) set(a agent, value float64) { r.values[a.name] = value }

// cell returns the value of an agent, "" if it was not measured. A value of
// certagent over the budget is marked, unless it looks the same as the budget.
func (r *row) cell(name string) string {
	v, measured := r.values[name]
	if !measured {
		return ""
	}
	text := r.unit(v)
	if name == "certagent" && r.missed(v) {
		text = "**" + text + "**"
	}
	return text
}

func (r *row) missed(v float64) bool {
	limit := max(r.budget, 0)
	return r.budget != unlimited && v > limit && r.unit(v) != r.unit(limit)
}

func (r *row) limit() string {
	switch r.budget {
	case unlimited:
		return ""
	case none:
		return "0"
	}
	return "≤ " + r.unit(r.budget)
}

// print writes the table in Markdown.
func (t *table) print(w io.Writer, agents []agent) {
	head, rule := []string{""}, []string{"---"}
	for _, a := range agents {
		head, rule = append(head, a.name), append(rule, "---")
	}
	line(w, append(head, "certagent's budget"))
	line(w, append(rule, "---"))
	for _, r := range t.rows {
		cells := []string{r.what}
		for _, a := range agents {
			cells = append(cells, r.cell(a.name))
		}
		line(w, append(cells, r.limit()))
	}
}

func line(w io.Writer, cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
