"""Decides about one pod: what to do next (`plan`) and what its status is (`status`). Pure, without IO and clock."""
