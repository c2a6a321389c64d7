// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import "text/template/parse"

// visitor is called with the function and the arguments of a call.
type visitor func(fn *parse.IdentifierNode, args arguments)

// arguments are the arguments of a call. In a pipeline the last one is the result of the
// command before.
type arguments struct {
	nodes []parse.Node
	piped parse.Node // nil if nothing is piped in; otherwise a string or any other node
}

// texts returns the arguments if all of them are string literals.
func (a arguments) texts() ([]string, bool) {
	var list []string
	nodes := a.nodes
	if a.piped != nil {
		nodes = append(nodes[:len(nodes):len(nodes)], a.piped)
	}
	for _, node := range nodes {
		s, ok := node.(*parse.StringNode)
		if !ok {
			return nil, false
		}
		list = append(list, s.Text)
	}
	return list, true
}

// first returns the first argument if it is a string literal.
func (a arguments) first() (string, bool) {
	node := a.piped
	if len(a.nodes) > 0 {
		node = a.nodes[0]
	}
	s, ok := node.(*parse.StringNode)
	if !ok {
		return "", false
	}
	return s.Text, true
}

// walk visits every call below a node, whether or not it is executed.
func walk(node parse.Node, visit visitor) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, child := range n.Nodes {
			walk(child, visit)
		}
	case *parse.IfNode:
		walkBranch(&n.BranchNode, visit)
	case *parse.RangeNode:
		walkBranch(&n.BranchNode, visit)
	case *parse.WithNode:
		walkBranch(&n.BranchNode, visit)
	case *parse.ActionNode:
		calls(n.Pipe, false, visit)
	case *parse.TemplateNode:
		calls(n.Pipe, false, visit)
	}
}

func walkBranch(n *parse.BranchNode, visit visitor) {
	calls(n.Pipe, false, visit)
	walk(n.List, visit)
	walk(n.ElseList, visit)
}

// certainCalls visits the calls that every execution of the trees makes, in order.
func certainCalls(trees map[string]*parse.Tree, visit visitor) {
	entered := map[string]bool{}
	var enter func(name string)
	enter = func(name string) {
		if entered[name] || trees[name] == nil {
			return
		}
		entered[name] = true
		for _, node := range trees[name].Root.Nodes {
			switch n := node.(type) {
			case *parse.IfNode:
				calls(n.Pipe, true, visit)
			case *parse.RangeNode:
				calls(n.Pipe, true, visit)
			case *parse.WithNode:
				calls(n.Pipe, true, visit)
			case *parse.ActionNode:
				calls(n.Pipe, true, visit)
			case *parse.TemplateNode:
				calls(n.Pipe, true, visit)
				enter(n.Name)
			}
		}
	}
	enter("")
}

// calls visits the calls in a pipeline in the order in which they are executed; if
// onlyCertain is set, only those that every execution executes.
func calls(pipe *parse.PipeNode, onlyCertain bool, visit visitor) {
	if pipe == nil {
		return
	}
	var piped parse.Node
	for _, command := range pipe.Cmds {
		call(command, piped, onlyCertain, visit)
		if piped = command; len(command.Args) == 1 {
			piped = command.Args[0]
		}
	}
}

// call visits the calls in a command's arguments and the command itself.
func call(command *parse.CommandNode, piped parse.Node, onlyCertain bool, visit visitor) {
	head, isCall := command.Args[0].(*parse.IdentifierNode)
	args := command.Args
	if isCall {
		args = args[1:]
	}
	for i, arg := range args {
		if onlyCertain && isCall && i > 0 && (head.Ident == "and" || head.Ident == "or") {
			break // the first decides whether the rest is evaluated
		}
		if chain, ok := arg.(*parse.ChainNode); ok {
			arg = chain.Node
		}
		switch n := arg.(type) {
		case *parse.PipeNode:
			calls(n, onlyCertain, visit)
		case *parse.IdentifierNode:
			visit(n, arguments{})
		}
	}
	if isCall {
		visit(head, arguments{nodes: args, piped: piped})
	}
}
