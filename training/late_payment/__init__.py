"""Late payment: for each open or new invoice how likely it is paid late and when, and the money that comes in per week."""
