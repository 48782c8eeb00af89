/** Columns of position-delete files (specification, "Reserved field ids"). */
export const FILE_PATH_ID = 2_147_483_546
export const POSITION_ID = 2_147_483_545
