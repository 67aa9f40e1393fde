// Package rules holds the tests that keep the module in shape: who may import
// whom, what lies at the top level, and that the code shown in documents is
// code that compiles.
package rules
