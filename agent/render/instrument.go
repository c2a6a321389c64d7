// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"strconv"
	"text/template/parse"
)

// The functions that instrument adds calls of. Parse refuses a template that calls them.
const (
	tickName  = "_tick"
	enterName = "_enter"
	leaveName = "_leave"
	showName  = "_show"
)

// instrument adds what bounds an execution to a syntax tree: a call of tick to each round
// of a range, of show to each value that is printed, and of enter and leave to each named
// template. text/template cannot be stopped otherwise. It returns printed with what
// prints these values; show gets the index.
func instrument(tree *parse.Tree, printed []parse.Node) []parse.Node {
	in := instrumenter{printed}
	in.list(tree.Root)
	if tree.Name == "" {
		return in.printed
	}
	nodes := append([]parse.Node{action(enterName, tree.Root.Pos)}, tree.Root.Nodes...)
	tree.Root.Nodes = append(nodes, action(leaveName, tree.Root.Pos))
	return in.printed
}

type instrumenter struct{ printed []parse.Node }

func (in *instrumenter) list(list *parse.ListNode) {
	if list == nil {
		return
	}
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.ActionNode:
			if len(n.Pipe.Decl) == 0 {
				in.print(n)
			}
		case *parse.IfNode:
			in.branch(&n.BranchNode)
		case *parse.WithNode:
			in.branch(&n.BranchNode)
		case *parse.RangeNode:
			in.branch(&n.BranchNode)
			n.List.Nodes = append([]parse.Node{action(tickName, n.Pos)}, n.List.Nodes...)
		}
	}
}

func (in *instrumenter) branch(n *parse.BranchNode) {
	in.list(n.List)
	in.list(n.ElseList)
}

// print adds a call of show to an action that prints a value.
func (in *instrumenter) print(n *parse.ActionNode) {
	show, index := command(showName, n.Pos), len(in.printed)
	show.Args = append(show.Args, &parse.NumberNode{NodeType: parse.NodeNumber, Pos: n.Pos, IsInt: true, Int64: int64(index), Text: strconv.Itoa(index)})
	last := n.Pipe.Cmds[len(n.Pipe.Cmds)-1]
	if in.printed = append(in.printed, last); len(last.Args) == 1 {
		in.printed[index] = last.Args[0]
	}
	n.Pipe.Cmds = append(n.Pipe.Cmds, show)
}

// action returns a node that calls a function without arguments.
func action(function string, pos parse.Pos) *parse.ActionNode {
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: pos, Pipe: &parse.PipeNode{
		NodeType: parse.NodePipe, Pos: pos, Cmds: []*parse.CommandNode{command(function, pos)},
	}}
}

func command(function string, pos parse.Pos) *parse.CommandNode {
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos, Args: []parse.Node{parse.NewIdentifier(function).SetPos(pos)}}
}
