"""What ``frformat diff`` finds out and shows: two files side by side, tensor by tensor."""
