"""Reading a Feast repository, and writing what it declares as Headrace declarations."""
