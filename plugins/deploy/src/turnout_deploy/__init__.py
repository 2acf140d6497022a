"""Write the files that deploy an app and its model servers."""
