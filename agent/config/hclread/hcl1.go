// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package hclread

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/hcl/ast"
	"github.com/hashicorp/hcl/hcl/parser"
	"github.com/hashicorp/hcl/hcl/token"
)

// readHCL1 reads HCL with the parser of its first version. It accepts duplicate
// keys, which are found later in the tree.
func readHCL1(src *Source) (tree *Object, failed *SyntaxError) {
	defer func() {
		// The parser is not maintained any more, and has panicked on malformed input before.
		if p := recover(); p != nil {
			tree, failed = nil, &SyntaxError{Message: fmt.Sprintf("the file cannot be read: %v", p)}
		}
	}()
	file, err := parser.ParseDontErrorOnDuplicateKeys(src.text)
	if err != nil {
		return nil, hcl1Error(err)
	}
	list, ok := file.Node.(*ast.ObjectList)
	if !ok {
		return nil, &SyntaxError{Message: "the file is not a list of keys and blocks"}
	}
	return hcl1Object(list)
}

// hcl1Error converts an error of the parser and rewords messages that only its
// developers understand.
func hcl1Error(err error) *SyntaxError {
	var at *parser.PosError
	if !errors.As(err, &at) {
		return &SyntaxError{Message: err.Error()}
	}
	message := at.Err.Error()
	switch {
	case strings.HasPrefix(message, "Unknown token"):
		message = "expected a value"
	case strings.HasPrefix(message, "illegal char"):
		message = "unexpected character"
	}
	return &SyntaxError{Offset: at.Pos.Offset, Message: message}
}

func hcl1Object(from *ast.ObjectList) (*Object, *SyntaxError) {
	to := &Object{}
	for _, it := range from.Items {
		converted, err := hcl1Item(it)
		if err != nil {
			return nil, err
		}
		to.Items = append(to.Items, converted)
	}
	return to, nil
}

func hcl1Item(from *ast.ObjectItem) (Item, *SyntaxError) {
	names := make([]string, len(from.Keys))
	for i, key := range from.Keys {
		v, err := hcl1Literal(key.Token)
		if err != nil {
			return Item{}, err
		}
		names[i] = v.Text
	}
	v, err := hcl1Value(from.Val)
	if err != nil {
		return Item{}, err
	}
	return Item{
		Name:     names[0],
		Labels:   names[1:],
		Value:    v,
		Offset:   from.Keys[0].Token.Pos.Offset,
		Assigned: from.Assign.IsValid(),
	}, nil
}

func hcl1Value(from ast.Node) (Value, *SyntaxError) {
	switch node := from.(type) {
	case *ast.LiteralType:
		return hcl1Literal(node.Token)
	case *ast.ObjectType:
		inner, err := hcl1Object(node.List)
		return Value{Kind: Block, Object: inner, Offset: node.Lbrace.Offset}, err
	case *ast.ListType:
		to := Value{Kind: List, Offset: node.Lbrack.Offset}
		for _, element := range node.List {
			v, err := hcl1Value(element)
			if err != nil {
				return Value{}, err
			}
			to.List = append(to.List, v)
		}
		return to, nil
	}
	return Value{}, &SyntaxError{Offset: from.Pos().Offset, Message: "a value is missing"}
}

func hcl1Literal(from token.Token) (Value, *SyntaxError) {
	v := Value{Kind: String, Text: from.Text}
	var err error
	switch from.Type {
	case token.BOOL:
		v = Value{Kind: Bool, Bool: from.Text == "true"}
	case token.NUMBER, token.FLOAT:
		v, err = number(from.Text)
	case token.STRING:
		v.Text, err = quotedText(from.Text)
	case token.HEREDOC:
		v.Text = heredocText(from.Text)
	}
	if err != nil {
		return Value{}, &SyntaxError{Offset: from.Pos.Offset, Message: err.Error()}
	}
	v.Offset = from.Pos.Offset
	return v, nil
}
